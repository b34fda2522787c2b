/** The values of the Helm chart: the one source of charts/watchbell/values.schema.json and of the table in its README. */
import { z } from 'zod';

const text = z.string();
const flag = z.boolean();
const count = z.int().min(0);
const map = z.record(text, text);
/** Labels that the chart itself writes; a second time they would be the same key twice. */
const OWN_LABELS = [
  ...['name', 'instance', 'component', 'version', 'managed-by'].map((key) => `app.kubernetes.io/${key}`),
  'helm.sh/chart',
];
const moreLabels = z.record(text.refine((key) => !OWN_LABELS.includes(key)).meta({ not: { enum: OWN_LABELS } }), text);
/** The alerts of templates/prometheusrule.yaml. */
const ALERTS = [
  'WatchbellDown',
  'WatchbellDatabaseDown',
  'WatchbellConnectorDown',
  'WatchbellMessagesWaiting',
  'WatchbellDeadLetters',
  'WatchbellEventsFailed',
  'WatchbellLate',
  'WatchbellConfigurationRefused',
  'WatchbellWebhooksRefused',
  'WatchbellSourceUnknown',
  'WatchbellNoWebhook',
  'WatchbellCertificate',
  'WatchbellBackupOld',
] as const;
/** Passed on to Kubernetes, which says what may stand there. */
const object = z.record(text, z.unknown());
const objects = z.array(object);
const quantity = z.union([text, z.number()]);
const cron = text.regex(/^\S+(?: \S+){4}$|^@(?:hourly|daily|weekly|monthly)$/);
const duration = text.regex(/^\d+[smhd]$/);
const labelsAndAnnotations = {
  labels: map.describe('More labels.'),
  annotations: map.describe('More annotations.'),
};

const secretItem = z.union([text, z.strictObject({ key: text, path: text })]);
const secret = z.strictObject({
  name: text.min(1).describe('Name of the Secret.'),
  items: z
    .array(secretItem)
    .optional()
    .describe('Keys to take, or { key, path } to give one another file name; default: all.'),
  optional: flag.optional().describe('The Secret may be missing.'),
});

const scrape = {
  enabled: flag.describe('Make one.'),
  interval: duration.describe('How often to scrape.'),
  scrapeTimeout: duration.describe('How long to wait for an answer.'),
  ...labelsAndAnnotations,
  relabelings: objects.describe('Relabelings before the scrape.'),
  metricRelabelings: objects.describe('Relabelings of what was scraped.'),
};

const job = {
  startingDeadlineSeconds: count.describe('A run that is later than this is left out.'),
  ttlSecondsAfterFinished: count.describe('Finished jobs are deleted after this.'),
  resources: object.describe('Requests and limits of the pod.'),
};

const peers = objects.describe('NetworkPolicy peers that may come in.');

export const valuesSchema = z.strictObject({
  global: object.describe('Taken and ignored, so that this chart can be a part of another.'),
  nameOverride: text.describe('Instead of the chart name.'),
  fullnameOverride: text.describe('Instead of release and chart name.'),
  commonLabels: moreLabels.describe('Labels of everything.'),
  commonAnnotations: map.describe('Annotations of everything.'),

  image: z
    .strictObject({
      repository: text.min(1).describe('Registry and name.'),
      tag: text.describe("Default: the chart's version."),
      digest: text.regex(/^(?:sha256:[0-9a-f]{64})?$/).describe('Instead of the tag: sha256:…'),
      pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).describe('When to pull.'),
    })
    .describe('The image.'),
  imagePullSecrets: z.array(z.strictObject({ name: text })).describe('Secrets with registry credentials.'),

  config: object.describe(
    'The configuration, as it would stand in watchbell.yaml. Never passed through a template. Its words: docs/reference/configuration.md.',
  ),
  configFragments: z
    .array(text.min(1))
    .describe('ConfigMaps that teams own, each with a key watchbell.yaml; merged by key. One may be missing.'),
  secrets: z.array(secret).describe('Secrets whose keys are the files that { file: NAME } in the configuration means.'),
  skillConfigMaps: z
    .array(text.min(1))
    .describe('ConfigMaps that each hold one skill (index.ts and its files); beside those of config.skillDirectories.'),

  postgres: z
    .strictObject({
      existingSecret: z
        .strictObject({
          name: text.describe('Secret with a postgres:// address.'),
          key: text.min(1).describe('Its key.'),
        })
        .describe('A Postgres that is there already.'),
      cloudNativePG: z
        .strictObject({
          enabled: flag.describe(
            'Make a Cluster of the CloudNativePG operator. It stays when this is switched off or uninstalled.',
          ),
          instances: count.min(1).describe('Postgres instances.'),
          storage: object.describe('Its storage.'),
          spec: object.describe(
            'More of the spec of the Cluster: image, backup, resources; bootstrap, instead of a new one.',
          ),
        })
        .describe('A Postgres cluster kept by CloudNativePG.'),
      development: z
        .strictObject({
          enabled: flag.describe('Make one small Postgres, for trials: one pod, no backup.'),
          image: text.min(1).describe('Its image.'),
          password: text.min(1).describe('Its password. Only the pods of this release are let in.'),
          persistence: z.strictObject({
            enabled: flag.describe('Keep the data on a volume; else they go with the pod.'),
            size: quantity.describe('Size of the volume.'),
            storageClass: text.describe("Default: the cluster's."),
          }),
          resources: object.describe('Requests and limits.'),
        })
        .describe('A Postgres for trials.'),
    })
    .describe('Where the state is. Choose exactly one, or write database: into config.'),

  replicas: count.describe('Pods. Two survive the loss of a node without a gap.'),
  ...labelsAndAnnotations,
  podLabels: moreLabels.describe('More labels of the pods.'),
  podAnnotations: map.describe('More annotations of the pods.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).describe('What to log.'),
  resources: object.describe('Requests and limits of the bot.'),
  terminationGracePeriodSeconds: count.describe('The bot is gone within 15 s of SIGTERM.'),
  revisionHistoryLimit: count.describe('Old ReplicaSets kept.'),
  podSecurityContext: object.describe('Of the pods; the default passes Pod Security "restricted".'),
  securityContext: object.describe('Of the containers; likewise.'),
  startupProbe: object.describe('Waits for the database and its migrations: 10 min.'),
  livenessProbe: object.describe('Says only that the process answers.'),
  readinessProbe: object.describe('Started, and not asked to stop.'),
  priorityClassName: text.describe('A pager should not be evicted first.'),
  runtimeClassName: text.describe('Runtime class.'),
  nodeSelector: map.describe('Where pods may run.'),
  tolerations: objects.describe('Taints that pods bear.'),
  affinity: object.describe('Affinity of the pods.'),
  topologySpreadConstraints: objects.describe('Default: replicas on different nodes and zones where that is possible.'),
  serviceAccount: z
    .strictObject({
      create: flag.describe('Make one.'),
      name: text.describe('Default: the full name; with create false: default.'),
      annotations: map.describe('More annotations, for example for a cloud identity.'),
    })
    .describe('The bot needs no Kubernetes API: no token is mounted.'),
  podDisruptionBudget: z
    .strictObject({
      enabled: flag.describe('Make one. It never blocks a drain, also not of a single replica.'),
      maxUnavailable: z.union([count, text]).describe('How many may be away at once.'),
    })
    .describe('Disruption budget.'),

  extraArgs: z.array(text).describe('More arguments of `watchbell run`.'),
  extraEnv: objects.describe('More environment variables.'),
  extraEnvFrom: objects.describe('More environment variables from Secrets and ConfigMaps; changes need a restart.'),
  extraVolumes: objects.describe('More volumes.'),
  extraVolumeMounts: objects.describe('More mounts.'),
  extraInitContainers: objects.describe('More containers that run before the bot.'),
  extraContainers: objects.describe('More containers beside the bot.'),
  extraObjects: z
    .array(z.union([object, text]))
    .describe('More objects, passed through a template, for example an ExternalSecret.'),

  service: z
    .strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).describe('Type of the public Service.'),
      port: count.describe('Its port: webhooks, API, pages.'),
      opsPort: count.describe('Port of the second Service, RELEASE-ops: probes and metrics. Never on an ingress.'),
      ...labelsAndAnnotations,
      spec: object.describe('More of the spec of the public Service.'),
    })
    .describe('Services.'),
  ingress: z
    .strictObject({
      enabled: flag.describe('Make one.'),
      className: text.describe('Ingress class.'),
      ...labelsAndAnnotations,
      hosts: z.array(text).describe('Host names.'),
      paths: z.array(text).describe('Path prefixes. "/" adds the pages and the API: protect them first.'),
      tls: objects.describe('TLS blocks; default with certificate.enabled: its Secret.'),
    })
    .describe('Ingress for senders outside the cluster.'),
  httpRoute: z
    .strictObject({
      enabled: flag.describe('Make one.'),
      ...labelsAndAnnotations,
      parentRefs: objects.describe('Gateways.'),
      hostnames: z.array(text).describe('Host names.'),
      paths: z.array(text).describe('Path prefixes, as under ingress.'),
      filters: objects.describe('Filters of the rule.'),
    })
    .describe('The same with Gateway API.'),
  certificate: z
    .strictObject({
      enabled: flag.describe('Make one.'),
      issuerRef: z.strictObject({ name: text, kind: text, group: text }).describe('Issuer of cert-manager.'),
      secretName: text.describe('Default: FULLNAME-tls.'),
      dnsNames: z.array(text).describe('Default: the hosts of ingress and httpRoute.'),
      ...labelsAndAnnotations,
      spec: object.describe('More of its spec: duration, privateKey.'),
    })
    .describe('Certificate of cert-manager.'),
  networkPolicy: z
    .strictObject({
      enabled: flag.describe('Deny all that is not named here.'),
      ingressFrom: peers.describe(
        'Who may reach the public port: ingress controller, Alertmanager. Empty: all pods of this cluster.',
      ),
      metricsFrom: peers.describe('Who may reach the ops port. Empty: all pods of this cluster.'),
      dnsTo: objects.describe('Where DNS is. Empty: anywhere on port 53.'),
      postgres: z.strictObject({
        to: objects.describe('Where Postgres is. Empty: anywhere on this port.'),
        port: count.describe('Its port.'),
      }),
      httpsTo: objects.describe('Chat platforms and other addresses, on port 443. Empty: anywhere.'),
      extraIngress: objects.describe('More rules.'),
      extraEgress: objects.describe('More rules, for example a homeserver on port 8008.'),
    })
    .describe('NetworkPolicy.'),

  serviceMonitor: z.strictObject(scrape).describe('ServiceMonitor of prometheus-operator.'),
  podMonitor: z.strictObject(scrape).describe('PodMonitor; instead of the ServiceMonitor, not beside it.'),
  prometheusRule: z
    .strictObject({
      enabled: flag.describe('Make one.'),
      ...labelsAndAnnotations,
      ruleLabels: map.describe('Labels of each alert, beside watchbell_self="true".'),
      runbookUrl: text.describe("Address that an alert's name is appended to."),
      disabled: z.partialRecord(z.enum(ALERTS), flag).describe('Alerts to leave out: { WatchbellNoWebhook: true }.'),
      noWebhookFor: duration.describe(
        'WatchbellNoWebhook: no webhook of a source heard for this long. Needs a Watchdog that is repeated: see NOTES.',
      ),
      lateSeconds: z.number().min(0).describe('WatchbellLate: 99 of 100 timers fire within this.'),
      backupOlderThan: duration.describe('WatchbellBackupOld.'),
      extraRules: objects.describe('More rules.'),
    })
    .describe('Alerts about the bot itself. Route them to another receiver: see NOTES.'),
  alertmanagerConfig: z
    .strictObject({
      enabled: flag.describe('Make one that sends the alerts of this namespace to the bot.'),
      ...labelsAndAnnotations,
      source: text.describe('Source in the configuration.'),
      tokenSecret: z.strictObject({ name: text, key: text }).describe('Secret with its token.'),
      route: object.describe('More of its route: matchers, routes, groupBy.'),
    })
    .describe('AlertmanagerConfig of prometheus-operator.'),
  dashboard: z
    .strictObject({
      enabled: flag.describe("A ConfigMap that Grafana's sidecar finds."),
      ...labelsAndAnnotations,
    })
    .describe('Grafana dashboard.'),

  pairing: z
    .strictObject({
      rooms: z
        .record(text, z.strictObject({ schedule: cron, timeZone: text.optional(), suspend: flag.optional() }))
        .describe(
          'Room, or round, to the time of its coffee round: { random: { schedule: "0 10 * * 1" } }. For rounds of skills.coffee without `every:`.',
        ),
      ...job,
    })
    .describe('CronJobs that run `watchbell pair ROOM`.'),
  countdownRecovery: z
    .strictObject({
      enabled: flag.describe('Make it.'),
      schedule: cron.describe('When.'),
      ...job,
    })
    .describe('CronJob that runs `watchbell recover`: finds countdowns whose bot is gone and tells it.'),
  backup: z
    .strictObject({
      enabled: flag.describe('Make it. Leave it off where CloudNativePG backs up.'),
      schedule: cron.describe('When.'),
      timeZone: text.describe('Time zone of the schedule.'),
      keep: count.min(1).describe('How many backups to keep.'),
      to: text
        .regex(/^(?:s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.*)?)?$/)
        .describe(
          'A bucket to write to instead of a volume, as `s3://BUCKET/PREFIX`; endpoint, region and keys as `AWS_…` in `extraEnvFrom`.',
        ),
      volume: z
        .strictObject({
          existingClaim: text.describe(
            'Claim to write to; default: one is made, and kept on uninstall. Make your own where the storage class waits for a first consumer: `helm --wait` would wait for the first backup.',
          ),
          size: quantity.describe(
            'Size of the claim that is made, or limit of what lies there on its way to a bucket.',
          ),
          storageClass: text.describe("Default: the cluster's."),
          accessModes: z.array(text).describe('Its access modes.'),
        })
        .describe('Where backups are written.'),
      ...job,
    })
    .describe('CronJob that runs `watchbell backup`.'),

  test: z
    .strictObject({
      enabled: flag.describe(
        'Have `helm test` prove a round trip, where there is a source of alerts or a fragment that may bring one.',
      ),
      source: text.describe('Source in the configuration that the test posts to; default: the first.'),
      timeout: duration.describe('How long a message may take to be shown.'),
    })
    .describe('helm test.'),
});

export type Values = z.infer<typeof valuesSchema>;
