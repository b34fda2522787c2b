/** Values that people know from other charts. */
import { DATABASE, render, type Manifest } from './render.ts';

const templateOf = (object: Manifest): Manifest['spec'] =>
  (object['spec'].jobTemplate?.spec ?? object['spec']).template.spec;
const imagesOf = (objects: readonly Manifest[]): string[] =>
  objects
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'CronJob', 'Job'].includes(kind))
    .flatMap((object) => templateOf(object).containers.map(({ image }: { image: string }) => image));
const development = { postgres: { development: { enabled: true } } };

test.each([
  ['global.imageRegistry', { global: { imageRegistry: 'mirror.example.org/hub/' } }],
  ['image.registry', { image: { registry: 'mirror.example.org/hub' } }],
])('%s replaces the registry of all images', async (_, values) => {
  const { objects } = await render({ ...development, ...values });
  expect(imagesOf(objects).sort()).toEqual([
    'mirror.example.org/hub/library/postgres:18',
    expect.stringMatching(/^mirror\.example\.org\/hub\/watchbell\/watchbell:\d/),
  ]);
});

test('global and own pull secrets reach every pod, as names or in Kubernetes form', async () => {
  const { objects } = await render({
    ...development,
    global: { imagePullSecrets: ['hub', { name: 'mirror' }] },
    imagePullSecrets: [{ name: 'hub' }, 'own'],
    countdownRecovery: { enabled: true },
  });
  const pods = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'CronJob'].includes(kind));
  expect(pods).toHaveLength(3);
  for (const pod of pods)
    expect(templateOf(pod).imagePullSecrets).toEqual([{ name: 'hub' }, { name: 'mirror' }, { name: 'own' }]);
});

test('replicas controlled by an autoscaler are not set', async () => {
  expect((await render(DATABASE)).one('Deployment')['spec'].replicas).toBe(1);
  expect((await render({ ...DATABASE, replicas: 0 })).one('Deployment')['spec'].replicas).toBe(0);
  expect((await render({ ...DATABASE, replicas: null })).one('Deployment')['spec']).not.toHaveProperty('replicas');
});

test.each([
  [{ maxUnavailable: '50%' }, { maxUnavailable: '50%' }],
  [{ minAvailable: 1 }, { minAvailable: 1 }],
  [{ minAvailable: 0 }, { minAvailable: 0 }],
])('a disruption budget with %j', async (podDisruptionBudget, wanted) => {
  const { spec } = (await render({ ...DATABASE, podDisruptionBudget })).one('PodDisruptionBudget') as unknown as {
    spec: Record<string, unknown>;
  };
  const { minAvailable, maxUnavailable } = spec;
  expect({ minAvailable, maxUnavailable }).toEqual({ minAvailable: undefined, maxUnavailable: undefined, ...wanted });
});

test('DNS options and /etc/hosts entries reach the bot and its jobs', async () => {
  const dnsConfig = { options: [{ name: 'ndots', value: '1' }] };
  const hostAliases = [{ ip: '10.0.0.1', hostnames: ['matrix.example.org'] }];
  const { one } = await render({ ...DATABASE, dnsConfig, hostAliases, countdownRecovery: { enabled: true } });
  for (const kind of ['Deployment', 'CronJob']) expect(templateOf(one(kind))).toMatchObject({ dnsConfig, hostAliases });
});

test('each CronJob can be suspended', async () => {
  const values = {
    ...DATABASE,
    config: { skills: { coffee: { rounds: { tea: { room: 'tea' } } } } },
    pairing: { rooms: { tea: { schedule: '@weekly' } } },
    countdownRecovery: { enabled: true },
    backup: { enabled: true },
  };
  for (const suspend of [true, false]) {
    const { all } = await render({
      ...values,
      pairing: { ...values.pairing, suspend },
      countdownRecovery: { ...values.countdownRecovery, suspend },
      backup: { ...values.backup, suspend },
    });
    expect(all('CronJob').map(({ spec }: Manifest) => spec.suspend ?? false)).toEqual([suspend, suspend, suspend]);
  }
});

test('DNS traffic is allowed to the ports of the DNS pods, also on OpenShift', async () => {
  const ports = async (networkPolicy: object): Promise<unknown> =>
    (await render({ ...DATABASE, networkPolicy: { enabled: true, ...networkPolicy } })).one('NetworkPolicy')['spec']
      .egress[0].ports;
  expect(await ports({})).toEqual([53, 5353].flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ port, protocol }))));
  expect(await ports({ dnsPorts: [1053] })).toEqual(['UDP', 'TCP'].map((protocol) => ({ port: 1053, protocol })));
});

test('the chart does not set user ids that are null, so that the platform can assign them', async () => {
  const nothing = { runAsUser: null, runAsGroup: null, fsGroup: null };
  const { one } = await render({
    podSecurityContext: nothing,
    postgres: { development: { enabled: true, podSecurityContext: nothing } },
  });
  for (const kind of ['Deployment', 'StatefulSet'])
    expect(templateOf(one(kind)).securityContext).toEqual({
      runAsNonRoot: true,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    });
});

test('truncated names stay unique', async () => {
  const name = async (release: string): Promise<string> =>
    (await render(DATABASE, { release })).one('Deployment').metadata.name;
  const names = await Promise.all(['eu', 'us'].map((end) => name(`team-payments-in-production-${end}`)));
  expect(new Set(names).size).toBe(2);
  for (const one of names) expect(one).toMatch(/^team-payments-in-productio-[0-9a-f]{5}$/);
  expect(await name('bell')).toBe('bell-watchbell');
});

test('the trial can be installed under any name, and uses the Secret it creates', async () => {
  const { all, one } = await render({}, { example: 'development-values.yaml', release: 'trial-of-ann' });
  const sources: readonly Manifest[] = templateOf(one('Deployment')).volumes.flatMap(
    (volume: Manifest) => volume['projected']?.sources ?? [],
  );
  const made = new Set(all('Secret').map(({ metadata }) => metadata.name));
  expect(new Set(sources.flatMap((source) => source['secret']?.name ?? []))).toEqual(made);
  expect(made).toContain('trial-of-ann-trial');
});
