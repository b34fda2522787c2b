import { valuesSchema } from '../../scripts/chart/values.ts';
import { DATABASE, examples, notes, render, type Manifest, type Rendered } from './render.ts';

/** Configuration that pairing.rooms and alertmanagerConfig require. */
const source = {
  secrets: [{ name: 'watchbell' }],
  config: { skills: { alerts: { sources: { default: { tokens: [{ file: 't' }] } } } } },
};
const roundsIn = (...rooms: string[]): object => ({
  config: {
    skills: { coffee: { rounds: Object.fromEntries(rooms.map((room, at) => [`round-${at}`, { room: [room] }])) } },
  },
});

const podOf = (object: Manifest): Manifest['spec'] =>
  object.kind === 'Pod'
    ? object['spec']
    : object.kind === 'CronJob'
      ? object['spec'].jobTemplate.spec.template.spec
      : object['spec'].template.spec;
const podsOf = ({ objects }: Rendered): Manifest[] =>
  objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'CronJob', 'Pod'].includes(kind));
const volume = (object: Manifest, name: string): Manifest['spec'] =>
  podOf(object).volumes.find((one: { name: string }) => one.name === name);

test('the default values create only what the bot needs, and no resources of other operators', async () => {
  const { objects } = await render(DATABASE);
  expect(objects.map(({ kind }) => kind).sort()).toEqual(
    ['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'Service', 'Service', 'ServiceAccount'].sort(),
  );
});

test.each([
  ['ingress', { ingress: { enabled: true, hosts: ['b.example.org'] } }, ['Ingress']],
  ['httpRoute', { httpRoute: { enabled: true, parentRefs: [{ name: 'g' }] } }, ['HTTPRoute']],
  [
    'certificate',
    { certificate: { enabled: true, issuerRef: { name: 'le' }, dnsNames: ['b.example.org'] } },
    ['Certificate'],
  ],
  ['networkPolicy', { networkPolicy: { enabled: true } }, ['NetworkPolicy']],
  ['serviceMonitor', { serviceMonitor: { enabled: true } }, ['ServiceMonitor']],
  ['podMonitor', { podMonitor: { enabled: true } }, ['PodMonitor']],
  ['prometheusRule', { prometheusRule: { enabled: true } }, ['PrometheusRule']],
  ['alertmanagerConfig', { ...source, alertmanagerConfig: { enabled: true } }, ['AlertmanagerConfig']],
  ['dashboard', { dashboard: { enabled: true } }, ['ConfigMap']],
  ['pairing', { ...roundsIn('random'), pairing: { rooms: { random: { schedule: '0 10 * * 1' } } } }, ['CronJob']],
  ['countdownRecovery', { countdownRecovery: { enabled: true } }, ['CronJob']],
  ['backup', { backup: { enabled: true } }, ['CronJob', 'Job', 'PersistentVolumeClaim']],
  ['backup to a bucket', { backup: { enabled: true, to: 's3://bells/prod' } }, ['CronJob']],
  [
    'extraObjects',
    { extraObjects: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: '{{ .Release.Name }}-x' } }] },
    ['Secret'],
  ],
])('%s adds its objects and does not change others', async (_, values, added) => {
  const given = 'config' in values ? { config: values.config } : {};
  const secrets = 'secrets' in values ? { secrets: values.secrets } : {};
  const [before, after] = [
    await render({ ...DATABASE, ...given, ...secrets }),
    await render({ ...DATABASE, ...values }),
  ];
  const idOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`;
  const known = new Set(before.objects.map(idOf));
  expect(
    after.objects
      .filter((object) => !known.has(idOf(object)))
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(added);
  expect(after.objects.filter((object) => known.has(idOf(object)))).toEqual(before.objects);
});

test.each([
  ['serviceAccount.create', { serviceAccount: { create: false } }, 'ServiceAccount'],
  ['podDisruptionBudget.enabled', { podDisruptionBudget: { enabled: false } }, 'PodDisruptionBudget'],
  ['test.enabled', { test: { enabled: false } }, 'Pod'],
])('%s: false leaves it out', async (_, values, kind) => {
  expect((await render({ ...DATABASE, ...source })).all(kind)).toHaveLength(1);
  expect((await render({ ...DATABASE, ...source, ...values })).all(kind)).toEqual([]);
});

test('`helm test` has its round trip if an alert can be posted', async () => {
  for (const [values, count] of [
    [{}, 0],
    [{ configFragments: ['team'] }, 1],
    [source, 1],
  ] as const) {
    expect((await render({ ...DATABASE, ...values })).all('Pod')).toHaveLength(count);
    expect((await notes({ ...DATABASE, ...values })).includes('helm -n monitoring test bell')).toBe(count === 1);
  }
});

test.each([
  ['no configuration', { config: null }],
  ['no skills', { config: { skills: {} } }],
  ['the alerts skill turned off', { config: { skills: { alerts: false } } }],
  ['empty alerts options', { config: { skills: { alerts: null } } }],
  ['coffee turned off', { config: { skills: { coffee: false } } }],
])('with %s the chart renders, and an AlertmanagerConfig says what is missing', async (_, values) => {
  await render({ ...DATABASE, ...values });
  await expect(render({ ...DATABASE, ...values, alertmanagerConfig: { enabled: true } })).rejects.toThrow(
    'it has: none',
  );
});

test('if a Watchdog is routed to the bot, the bot is configured to drop it', async () => {
  const missing = 'None of your routes mentions the Watchdog';
  expect(await notes({ ...DATABASE, ...source })).toContain(missing);
  expect(await notes(DATABASE)).not.toContain(missing);
  for (const example of await examples()) expect(await notes({}, { example })).not.toContain(missing);
});

test('without a database the install fails and lists the three options', async () => {
  await expect(render({})).rejects.toThrow(
    /postgres\.existingSecret\.name.*postgres\.cloudNativePG\.enabled.*postgres\.development\.enabled/,
  );
});

test('two databases are rejected, by name', async () => {
  const postgres = { ...DATABASE.postgres, development: { enabled: true } };
  await expect(render({ postgres })).rejects.toThrow('postgres.existingSecret.name, postgres.development.enabled');
});

test.each([
  ['an existing Secret', { existingSecret: { name: 'mine', key: 'url' } }, { name: 'mine', key: 'url' }],
  ['CloudNativePG', { cloudNativePG: { enabled: true } }, { name: 'bell-watchbell-db-app', key: 'uri' }],
  ['the development Postgres', { development: { enabled: true } }, { name: 'bell-watchbell-postgres', key: 'uri' }],
])('the database address is a file from %s', async (_, postgres, { name, key }) => {
  const sources = volume((await render({ postgres })).one('Deployment'), 'secrets').projected.sources;
  expect(sources[0]).toEqual({ secret: { name, items: [{ key, path: 'database-uri' }] } });
});

test.each([
  ['with a new database', undefined, { initdb: { database: 'watchbell', owner: 'watchbell' } }],
  [
    'by recovery from another one',
    { recovery: { source: 'old' } },
    { recovery: { source: 'old', database: 'watchbell', owner: 'watchbell' } },
  ],
  [
    'with its own initdb options',
    { initdb: { dataChecksums: true, owner: 'bell' } },
    { initdb: { dataChecksums: true, database: 'watchbell', owner: 'bell' } },
  ],
])('a Cluster that starts %s has one bootstrap method, with the expected database', async (_, bootstrap, wanted) => {
  const postgres = { cloudNativePG: { enabled: true, spec: { ...(bootstrap && { bootstrap }) } } };
  expect((await render({ postgres })).one('Cluster')['spec'].bootstrap).toEqual(wanted);
});

test('unusual names, and names that look like numbers, are quoted', async () => {
  const rendered = await render({ ...DATABASE, skillConfigMaps: ['team.standup'] }, { release: '123' });
  const deployment = rendered.one('Deployment');
  const skill = podOf(deployment).volumes.find((one: Manifest) => one['configMap']?.name === 'team.standup');
  expect(skill.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  expect(podOf(deployment).containers[0].volumeMounts).toContainEqual({
    ...{ name: skill.name, mountPath: '/skills/team.standup', readOnly: true },
  });
  expect(deployment['spec'].selector.matchLabels['app.kubernetes.io/instance']).toBe('123');
  expect(deployment.metadata['labels']['app.kubernetes.io/instance']).toBe('123');
});

test('pod annotations override common ones, without duplicates', async () => {
  const key = 'kubectl.kubernetes.io/default-container';
  const rendered = await render({ ...DATABASE, podAnnotations: { [key]: 'sidecar', inject: 'true' } });
  expect(rendered.one('Deployment')['spec'].template.metadata.annotations).toEqual({
    [key]: 'sidecar',
    inject: 'true',
  });
});

test('the development Postgres keeps its password across upgrades, whatever characters it contains', async () => {
  const postgres = { development: { enabled: true, password: 'p@ss/w+rd 1' } };
  const secret = (await render({ postgres })).one('Secret');
  const uri = new URL(secret['stringData'].uri);
  expect(decodeURIComponent(uri.password)).toBe('p@ss/w+rd 1');
  expect((await render({ postgres }, { more: ['--is-upgrade'] })).one('Secret')).toEqual(secret);
});

test('Secrets become one volume of files: by key, renamed, or complete; fragments are next to the configuration', async () => {
  const rendered = await render({
    ...DATABASE,
    secrets: [
      { name: 'watchbell' },
      { name: 'slack', items: ['app-token', { key: 'bot', path: 'slack-bot' }], optional: true },
    ],
    configFragments: ['team-pay'],
  });
  const deployment = rendered.one('Deployment');
  expect(volume(deployment, 'secrets').projected.sources.slice(1)).toEqual([
    { secret: { name: 'watchbell' } },
    {
      secret: {
        name: 'slack',
        optional: true,
        items: [
          { key: 'app-token', path: 'app-token' },
          { key: 'bot', path: 'slack-bot' },
        ],
      },
    },
  ]);
  expect(volume(deployment, 'config').projected.sources).toEqual([
    { configMap: { name: 'bell-watchbell' } },
    { configMap: { name: 'team-pay', optional: true, items: [{ key: 'watchbell.yaml', path: 'team-pay.yaml' }] } },
  ]);
  await expect(render({ ...DATABASE, configFragments: ['watchbell'] })).rejects.toThrow('another name');
});

test('a changed configuration does not change the pod, and all mounts pick up changes', async () => {
  const [one, other] = [
    await render({ ...DATABASE, config: { name: 'a1' } }),
    await render({ ...DATABASE, config: { name: 'b2' } }),
  ];
  expect(one.one('ConfigMap')).not.toEqual(other.one('ConfigMap'));
  expect(one.one('Deployment')).toEqual(other.one('Deployment'));
  for (const example of await examples())
    expect(JSON.stringify((await render({}, { example })).objects)).not.toContain('subPath');
});

test('every pod of every example passes Pod Security "restricted", mounts no token and has a read-only root', async () => {
  for (const example of await examples())
    for (const object of podsOf(await render({}, { example }))) {
      const pod = podOf(object);
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources).toMatchObject({
          requests: { cpu: expect.anything(), memory: expect.anything() },
          limits: { memory: expect.anything() },
        });
      }
    }
});

test('a rollout removes no replica first, and a drain is never blocked', async () => {
  const rendered = await render(DATABASE);
  expect(rendered.one('Deployment')['spec'].strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  expect(rendered.one('PodDisruptionBudget')['spec']).toMatchObject({
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
});

test('the ops port is on no ingress, and by default only webhooks are', async () => {
  const rendered = await render({
    ...DATABASE,
    ingress: { enabled: true, hosts: ['b.example.org'] },
    httpRoute: { enabled: true, parentRefs: [{ name: 'g' }] },
  });
  expect(rendered.one('Ingress')['spec'].rules[0].http.paths).toEqual([
    { path: '/webhooks', pathType: 'Prefix', backend: { service: { name: 'bell-watchbell', port: { name: 'http' } } } },
  ]);
  expect(rendered.one('HTTPRoute')['spec'].rules[0]).toEqual({
    matches: [{ path: { type: 'PathPrefix', value: '/webhooks' } }],
    backendRefs: [{ name: 'bell-watchbell', port: 8080 }],
  });
  expect(rendered.one('Service', 'bell-watchbell')['spec'].ports.map((port: { name: string }) => port.name)).toEqual([
    'http',
  ]);
});

test('the certificate covers the configured hosts, and the ingress uses it', async () => {
  const rendered = await render({
    ...DATABASE,
    ingress: { enabled: true, hosts: ['b.example.org'] },
    certificate: { enabled: true, issuerRef: { name: 'le' } },
  });
  expect(rendered.one('Certificate')['spec']).toMatchObject({
    dnsNames: ['b.example.org'],
    secretName: 'bell-watchbell-tls',
  });
  expect(rendered.one('Ingress')['spec'].tls).toEqual([{ secretName: 'bell-watchbell-tls', hosts: ['b.example.org'] }]);
});

test.each([
  ['ingress.hosts', { ingress: { enabled: true } }],
  ['httpRoute.parentRefs', { httpRoute: { enabled: true } }],
  ['certificate.issuerRef.name', { certificate: { enabled: true } }],
])('enabling it without %s fails and says what to set', async (named, values) => {
  await expect(render({ ...DATABASE, ...values })).rejects.toThrow(named);
});

test.each([
  ['a coffee job for no round', { pairing: { rooms: { random: { schedule: '@weekly' } } } }, 'pairing.rooms.random'],
  [
    'a receiver for an unknown source',
    { ...source, alertmanagerConfig: { enabled: true, source: 'prod', tokenSecret: { name: 'team', key: 'token' } } },
    /no such source.*it has: default/,
  ],
])('%s fails and says so, unless a fragment may contain it', async (_, values, message) => {
  await expect(render({ ...DATABASE, ...values })).rejects.toThrow(message);
  await render({ ...DATABASE, ...values, configFragments: ['team'] });
});

test('a coffee job can also start a round by its name', async () => {
  const values = { ...roundsIn('random'), pairing: { rooms: { 'round-0': { schedule: '@weekly' } } } };
  expect((await render({ ...DATABASE, ...values })).all('CronJob')).toHaveLength(1);
});

test("custom matchers and routes are added to those that exclude the bot's own alerts and repeat the Watchdog", async () => {
  const cluster = { name: 'cluster', matchType: '=', value: 'eu' };
  const route = { matchers: [cluster], routes: [{ receiver: 'watchbell', groupBy: ['job'] }], groupWait: '10s' };
  const rendered = await render({ ...DATABASE, ...source, alertmanagerConfig: { enabled: true, route } });
  expect(rendered.one('AlertmanagerConfig')['spec'].route).toEqual({
    receiver: 'watchbell',
    groupBy: ['alertname', 'namespace'],
    groupWait: '10s',
    matchers: [{ name: 'watchbell_self', matchType: '!=', value: 'true' }, cluster],
    routes: [
      {
        receiver: 'watchbell',
        matchers: [{ name: 'alertname', matchType: '=', value: 'Watchdog' }],
        repeatInterval: '5m',
      },
      { receiver: 'watchbell', groupBy: ['job'] },
    ],
  });
});

test('databases and backups are kept after an uninstall', async () => {
  const rendered = await render({ backup: { enabled: true } }, { example: 'production-values.yaml' });
  for (const kind of ['Cluster', 'PersistentVolumeClaim'])
    expect(rendered.one(kind).metadata['annotations']).toEqual({ 'helm.sh/resource-policy': 'keep' });
});

test('monitors and the Service for metrics find each other', async () => {
  const rendered = await render({ ...DATABASE, serviceMonitor: { enabled: true } });
  const wanted = rendered.one('ServiceMonitor')['spec'].selector.matchLabels as Record<string, string>;
  const matching = rendered
    .all('Service')
    .filter(({ metadata }) => Object.entries(wanted).every(([key, value]) => metadata['labels'][key] === value));
  expect(matching.map(({ metadata }) => metadata.name)).toEqual(['bell-watchbell-ops']);
});

test('the default-deny policy allows what the bot needs', async () => {
  const spec = (await render({ ...DATABASE, networkPolicy: { enabled: true } })).one('NetworkPolicy')['spec'];
  expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
  const ports = (rules: { ports: { port: unknown }[] }[]): unknown[] =>
    rules.flatMap((rule) => rule.ports.map(({ port }) => port));
  expect(ports(spec.ingress)).toEqual(['http', 'ops']);
  expect(ports(spec.egress)).toEqual([53, 53, 5353, 5353, 5432, 443, 8080]);
});

test('each alert about the bot has the label to route it elsewhere, has a runbook, and can be turned off', async () => {
  const values = {
    ...DATABASE,
    certificate: { enabled: true, issuerRef: { name: 'le' }, dnsNames: ['b.example.org'] },
    backup: { enabled: true },
  };
  const rulesOf = (rendered: Rendered): { alert: string; labels: object; annotations: object }[] =>
    rendered.one('PrometheusRule')['spec'].groups[0].rules;
  const rules = rulesOf(await render({ ...values, prometheusRule: { enabled: true } }));
  expect(rules.map(({ alert }) => alert).sort()).toEqual([
    'WatchbellBackupOld',
    'WatchbellCertificate',
    'WatchbellConfigurationRefused',
    'WatchbellConnectorDown',
    'WatchbellDatabaseDown',
    'WatchbellDeadLetters',
    'WatchbellDown',
    'WatchbellEventsFailed',
    'WatchbellLate',
    'WatchbellMessagesWaiting',
    'WatchbellNoWebhook',
    'WatchbellSourceUnknown',
    'WatchbellWebhooksRefused',
  ]);
  expect(valuesSchema.shape.prometheusRule.shape.disabled.def.keyType.options.toSorted()).toEqual(
    rules.map(({ alert }) => alert).sort(),
  );
  for (const { alert, labels, annotations } of rules) {
    expect(labels).toMatchObject({ watchbell_self: 'true', severity: expect.stringMatching(/^(critical|warning)$/) });
    expect(annotations).toMatchObject({
      runbook_url: expect.stringMatching(`#${alert.toLowerCase()}$`),
      summary: expect.any(String),
    });
  }
  const fewer = rulesOf(
    await render({ ...values, prometheusRule: { enabled: true, disabled: { WatchbellLate: true } } }),
  );
  expect(fewer).toHaveLength(rules.length - 1);
});

test('a backup to a bucket uses its own temporary volume and the keys of the release', async () => {
  const rendered = await render({
    ...DATABASE,
    backup: { enabled: true, to: 's3://bells/prod', volume: { size: '2Gi' } },
    extraEnvFrom: [{ secretRef: { name: 'bucket-keys' } }],
  });
  const [job] = rendered.all('CronJob');
  const pod = job && podOf(job);
  expect(pod?.containers[0]).toMatchObject({
    args: ['backup', '--to', 's3://bells/prod', '--keep', '14', '--through', '/backups'],
    envFrom: [{ secretRef: { name: 'bucket-keys' } }],
    volumeMounts: expect.arrayContaining([{ name: 'backups', mountPath: '/backups' }]),
  });
  expect(pod?.volumes).toContainEqual({ name: 'backups', emptyDir: { sizeLimit: '2Gi' } });
});

test('scheduled jobs never overlap, have a starting deadline, and clean up after themselves', async () => {
  const rendered = await render({
    ...DATABASE,
    ...roundsIn('random', 'tea'),
    pairing: { rooms: { random: { schedule: '0 10 * * 1' }, tea: { schedule: '@weekly' } } },
    countdownRecovery: { enabled: true },
    backup: { enabled: true },
  });
  const jobs = rendered.all('CronJob');
  expect(jobs.map((job) => podOf(job).containers[0].args)).toEqual([
    ['pair', 'random'],
    ['pair', 'tea'],
    ['recover'],
    ['backup', '--to', '/backups', '--keep', '14'],
  ]);
  for (const job of jobs) {
    expect(job['spec']).toMatchObject({ concurrencyPolicy: 'Forbid', startingDeadlineSeconds: expect.any(Number) });
    expect(job['spec'].jobTemplate.spec.ttlSecondsAfterFinished).toEqual(expect.any(Number));
    expect(job.metadata.name.length).toBeLessThanOrEqual(52);
  }
});

test('rooms with similar names, or names invalid in Kubernetes, get separate jobs', async () => {
  const rooms = ['engineering-berlin', 'engineering-paris', 'Random', 'random', 'Büro', 'tea_time', 'tea.time'];
  const rendered = await render({
    ...DATABASE,
    ...roundsIn(...rooms),
    pairing: { rooms: Object.fromEntries(rooms.map((room) => [room, { schedule: '@weekly' }])) },
  });
  const names = rendered.all('CronJob').map(({ metadata }) => metadata.name);
  expect(new Set(names).size).toBe(rooms.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
});

test.each([
  ['bell.eu', {}, 'bell-eu-watchbell'],
  ['bell', { nameOverride: 'Foo_Bar' }, 'bell-foo-bar'],
  ['bell', { fullnameOverride: 'Bell.Eu' }, 'bell-eu'],
])('the release %s with %j has valid Service names', async (release, values, name) => {
  const rendered = await render({ ...DATABASE, ...values }, { release });
  expect(rendered.all('Service').map(({ metadata }) => metadata.name)).toEqual([name, `${name}-ops`]);
});

test('every pod has the common labels, and each pod of the bot also the pod labels', async () => {
  const rendered = await render({
    ...source,
    commonLabels: { team: 'sre' },
    commonAnnotations: { owner: 'sre' },
    podLabels: { mesh: 'on' },
    podAnnotations: { inject: 'true' },
    postgres: { development: { enabled: true } },
    countdownRecovery: { enabled: true },
  });
  const metadataOf = (object: Manifest): Manifest['metadata'] =>
    object.kind === 'Pod' ? object.metadata : (object['spec'].jobTemplate?.spec ?? object['spec']).template.metadata;
  const pods = podsOf(rendered);
  expect(pods.map(({ kind }) => kind).sort()).toEqual(['CronJob', 'Deployment', 'Pod', 'StatefulSet']);
  for (const pod of pods)
    expect(metadataOf(pod)).toMatchObject(
      pod.kind === 'StatefulSet'
        ? { labels: { team: 'sre' } }
        : { labels: { team: 'sre', mesh: 'on' }, annotations: { owner: 'sre', inject: 'true' } },
    );
});

test('the longest names are valid in Kubernetes', async () => {
  const rendered = await render({
    fullnameOverride: 'a-very-long-name-that-somebody-chose-for-their-release',
    postgres: { development: { enabled: true } },
    ...roundsIn('a-room-with-a-long-name'),
    pairing: { rooms: { 'a-room-with-a-long-name': { schedule: '@weekly' } } },
    backup: { enabled: true },
  });
  for (const { kind, metadata } of rendered.objects)
    expect(metadata.name.length).toBeLessThanOrEqual(kind === 'CronJob' ? 52 : kind === 'StatefulSet' ? 50 : 63);
});
