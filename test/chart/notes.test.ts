/** The receiver that an install prints, and the Secret it refers to. */
import { DATABASE, notes, render } from './render.ts';

const CONFIG = { skills: { alerts: { sources: { prod: { tokens: [{ file: 'alerts-token' }] } } } } };
const withSecrets = (secrets: object[], more: object = {}): object => ({
  ...DATABASE,
  config: CONFIG,
  secrets,
  ...more,
});

test('the one key of the source is copied to Alertmanager, and the receiver reads it where it is mounted', async () => {
  const printed = await notes(withSecrets([{ name: 'slack', items: ['app-token'] }, { name: 'watchbell' }]));
  const file = /credentials_file: \/etc\/alertmanager\/secrets\/(\S+)\/(\S+)/.exec(printed);
  expect(file?.slice(1)).toEqual(['bell-watchbell-prod', 'alerts-token']);
  expect(printed).toContain(
    `kubectl -n monitoring get secret watchbell -o go-template='{{ index .data "alerts-token" | base64decode }}' |`,
  );
  expect(printed).toContain('create secret generic bell-watchbell-prod --from-file=alerts-token=/dev/stdin');
  expect(printed).not.toContain('slack');
});

test('a key that is mounted under another file name is copied by its own name', async () => {
  const printed = await notes(
    withSecrets([{ name: 'whole' }, { name: 'renamed', items: [{ key: 'am', path: 'alerts-token' }] }]),
  );
  expect(printed).toContain(`get secret renamed -o go-template='{{ index .data "am" | base64decode }}'`);
  expect(printed).not.toContain('whole');
});

test('if several Secrets may contain the key, all are listed; if none does, the notes say so', async () => {
  expect(await notes(withSecrets([{ name: 'one' }, { name: 'two' }]))).toContain('The key is in one of: one, two');
  expect(await notes(withSecrets([]))).toContain('No Secret under `secrets` has the key alerts-token');
});

const credentials = async (secrets: object[], more: object = {}): Promise<unknown> => {
  const alertmanagerConfig = { enabled: true, source: 'prod', ...more };
  const [receiver] = (await render(withSecrets(secrets, { alertmanagerConfig }))).one('AlertmanagerConfig')['spec']
    .receivers;
  return receiver.webhookConfigs[0].httpConfig.authorization.credentials;
};

test("an AlertmanagerConfig uses the source's token from the Secret that contains it, unless another is set", async () => {
  expect(await credentials([{ name: '{{ .Release.Name }}-tokens' }])).toEqual({
    name: 'bell-tokens',
    key: 'alerts-token',
  });
  expect(await credentials([], { tokenSecret: { name: 'mine', key: 'token' } })).toEqual({
    name: 'mine',
    key: 'token',
  });
  await expect(credentials([])).rejects.toThrow('alertmanagerConfig.tokenSecret');
  await expect(credentials([{ name: 'one' }, { name: 'two' }])).rejects.toThrow('alertmanagerConfig.tokenSecret');
});

test('with a base path, the receiver, the test and the public addresses all have it', async () => {
  const values = withSecrets([{ name: 'watchbell' }], {
    config: { ...CONFIG, http: { basePath: '/bell' } },
    ingress: { enabled: true, hosts: ['b.example.org'] },
    httpRoute: { enabled: true, parentRefs: [{ name: 'g' }], paths: ['/'] },
  });
  const more = ['--skip-schema-validation'];
  expect(await notes(values, { more })).toContain('.svc:8080/bell/webhooks/alertmanager/prod');
  const { one } = await render(values, { more });
  expect(one('Pod')['spec'].containers[0].args).toContain('http://bell-watchbell.monitoring.svc:8080/bell');
  expect(one('Ingress')['spec'].rules[0].http.paths[0].path).toBe('/bell/webhooks');
  expect(one('HTTPRoute')['spec'].rules[0].matches[0].path.value).toBe('/bell');
});
