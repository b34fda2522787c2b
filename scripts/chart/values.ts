/** The values of the Helm chart: the one source of charts/watchbell/values.schema.json and of the table in its README. */
import { z } from 'zod';
import {
  count,
  cron,
  duration,
  flag,
  map,
  moreLabels,
  object,
  objects,
  peers,
  pullSecrets,
  quantity,
  secret,
  text,
  labelsAndAnnotations,
  job,
} from './shapes.ts';
import { monitoring } from './values-monitoring.ts';
import { postgres } from './values-postgres.ts';

export const valuesSchema = z.strictObject({
  global: z
    .looseObject({
      imageRegistry: text.describe('Registry of all images, instead of their own.'),
      imagePullSecrets: pullSecrets.describe('More Secrets with registry credentials.'),
    })
    .describe('For all charts of a release, where this one is a part of another. What else stands here is ignored.'),
  nameOverride: text.describe('Instead of the chart name.'),
  fullnameOverride: text.describe('Instead of release and chart name.'),
  commonLabels: moreLabels.describe('Labels of everything.'),
  commonAnnotations: map.describe('Annotations of everything.'),

  image: z
    .strictObject({
      registry: text.describe('Instead of the registry in the repository.'),
      repository: text.min(1).describe('Registry and name.'),
      tag: text.describe("Default: the chart's version."),
      digest: text.regex(/^(?:sha256:[0-9a-f]{64})?$/).describe('Instead of the tag: sha256:…'),
      pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).describe('When to pull.'),
    })
    .describe('The image.'),
  imagePullSecrets: pullSecrets.describe('Secrets with registry credentials.'),

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

  postgres,

  replicas: count
    .nullable()
    .describe('Pods. Two survive the loss of a node without a gap. null: left to `kubectl scale` or an autoscaler.'),
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
  dnsConfig: object.describe('Resolver options of the pods.'),
  hostAliases: objects.describe('More lines of /etc/hosts.'),
  serviceAccount: z
    .strictObject({
      create: flag.describe('Make one.'),
      name: text.describe('Default: the full name; with create false: default.'),
      annotations: map.describe('More annotations, for example for a cloud identity.'),
    })
    .describe('The bot needs no Kubernetes API: no token is mounted.'),
  podDisruptionBudget: z
    .strictObject({
      enabled: flag.describe('Make one. With maxUnavailable 1 it blocks no drain, also not of a single replica.'),
      maxUnavailable: z.union([count, text]).describe('How many may be away at once.'),
      minAvailable: z
        .union([count, text])
        .describe('Instead: how many must stay. As many as there are replicas block every drain.'),
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
      paths: z
        .array(text)
        .describe('Path prefixes, below http.basePath. "/" adds the pages and the API: protect them first.'),
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
      dnsTo: objects.describe('Where DNS is. Empty: anywhere on these ports.'),
      dnsPorts: z
        .array(count)
        .describe('Ports of the pods that answer DNS, which need not be that of their Service: on OpenShift 5353.'),
      postgres: z.strictObject({
        to: objects.describe('Where Postgres is. Empty: anywhere on this port.'),
        port: count.describe('Its port.'),
      }),
      httpsTo: objects.describe('Chat platforms and other addresses, on port 443. Empty: anywhere.'),
      extraIngress: objects.describe('More rules.'),
      extraEgress: objects.describe('More rules, for example a homeserver on port 8008.'),
    })
    .describe('NetworkPolicy.'),

  ...monitoring,

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
          existingClaim: text.describe('Claim to write to; default: one is made, and kept on uninstall.'),
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
      timeout: duration.describe(
        'How long each step may take: the bot to start and to have this configuration, a message to be shown.',
      ),
    })
    .describe('helm test.'),
});

export type Values = z.infer<typeof valuesSchema>;
