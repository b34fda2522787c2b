/** The trial Postgres, and volumes. */
import { DATABASE, render, type Manifest } from './render.ts';

const development = (more: object = {}): object => ({ postgres: { development: { enabled: true, ...more } } });

test('the volume of the development Postgres is kept, as documented', async () => {
  const set = (await render(development())).one('StatefulSet');
  expect(set['spec'].persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
  const trial = await render({}, { example: 'development-values.yaml' });
  expect(trial.one('StatefulSet')['spec']).not.toHaveProperty('volumeClaimTemplates');
});

test('changing the password of the development Postgres restarts it and updates the existing database', async () => {
  const pod = async (password: string): Promise<Manifest> =>
    (await render(development({ password }))).one('StatefulSet')['spec'].template;
  const [one, other] = [await pod('one'), await pod('other')];
  expect(one.metadata['annotations']).not.toEqual(other.metadata['annotations']);
  expect(JSON.stringify(one)).not.toContain('"one"');
  expect(one['spec']).toEqual(other['spec']);
  const [first] = one['spec'].initContainers;
  expect(first.args[0]).toContain('alter role watchbell password');
  expect(first.volumeMounts).toContainEqual({ name: 'data', mountPath: '/var/lib/postgresql/data' });
});

test('a database in the configuration counts as one', async () => {
  const config = { database: { host: 'db.example.org' } };
  await expect(render({ ...development(), config })).rejects.toThrow('config.database, postgres.development.enabled');
  await expect(render({ ...DATABASE, config })).rejects.toThrow('config.database, postgres.existingSecret.name');
  const more = { database: { url: { file: 'database-uri' } } };
  expect((await render({ ...DATABASE, config: more })).all('Deployment')).toHaveLength(1);
});

test('the backup volume is mounted at once, by a Job whose name changes with its spec', async () => {
  const values = (tag: string): object => ({ ...DATABASE, image: { tag }, backup: { enabled: true } });
  const job = (await render(values('1.0'))).one('Job');
  const claim = (await render(values('1.0'))).one('PersistentVolumeClaim').metadata.name;
  expect(job['spec'].template.spec.volumes).toEqual([{ name: 'backups', persistentVolumeClaim: { claimName: claim } }]);
  expect(job['spec'].template.spec.containers[0].args).toEqual(['--version']);
  expect((await render(values('1.1'))).one('Job').metadata.name).not.toBe(job.metadata.name);
  expect(job.metadata['annotations']?.['helm.sh/hook']).toBeUndefined();
});

test('an existing claim or a bucket needs no such Job', async () => {
  for (const backup of [
    { enabled: true, to: 's3://bells/prod' },
    { enabled: true, volume: { existingClaim: 'mine' } },
  ])
    expect((await render({ ...DATABASE, backup })).all('Job')).toEqual([]);
});

test('the test of a release leaves nothing behind, and helm prints its output', async () => {
  const { metadata } = (
    await render({ ...DATABASE, config: { skills: { alerts: { sources: { prod: { tokens: [{ file: 't' }] } } } } } })
  ).one('Pod');
  expect(metadata['annotations']).toEqual({
    'helm.sh/hook': 'test',
    'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded,hook-failed',
    'helm.sh/hook-output-log-policy': 'hook-succeeded,hook-failed',
  });
});
