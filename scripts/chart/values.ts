/** The values of the Helm chart: the only source of charts/watchbell/values.schema.json and of the table in its README. */
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
      imageRegistry: text.describe('Registry for all images, instead of their own.'),
      imagePullSecrets: pullSecrets.describe('Additional Secrets with registry credentials.'),
    })
    .describe('Shared by all charts of a release, if this chart is a dependency of another. Other keys are ignored.'),
  nameOverride: text.describe('Replaces the chart name.'),
  fullnameOverride: text.describe('Replaces the release and chart name.'),
  commonLabels: moreLabels.describe('Labels for all objects.'),
  commonAnnotations: map.describe('Annotations for all objects.'),

  image: z
    .strictObject({
      registry: text.describe('Replaces the registry in the repository.'),
      repository: text.min(1).describe('Registry and name of the image.'),
      tag: text.describe("Default: the chart's version."),
      digest: text.regex(/^(?:sha256:[0-9a-f]{64})?$/).describe('Used instead of the tag: sha256:…'),
      pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).describe('Pull policy.'),
    })
    .describe('The image.'),
  imagePullSecrets: pullSecrets.describe('Secrets with registry credentials.'),

  config: object.describe(
    'The configuration, in the format of watchbell.yaml. Not templated. Keys: docs/reference/configuration.md.',
  ),
  configFragments: z
    .array(text.min(1))
    .describe('ConfigMaps owned by teams, each with a key watchbell.yaml; merged by key. They may be missing.'),
  secrets: z
    .array(secret)
    .describe('Secrets whose keys become the files that { file: NAME } in the configuration refers to.'),
  skillConfigMaps: z
    .array(text.min(1))
    .describe('ConfigMaps with one skill each (index.ts and its files), in addition to config.skillDirectories.'),

  postgres,

  replicas: count
    .nullable()
    .describe(
      'Number of pods. With two, losing a node causes no downtime. null: controlled by `kubectl scale` or an autoscaler.',
    ),
  ...labelsAndAnnotations,
  podLabels: moreLabels.describe('Additional pod labels.'),
  podAnnotations: map.describe('Additional pod annotations.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).describe('Log level.'),
  resources: object.describe('Resource requests and limits of the bot.'),
  terminationGracePeriodSeconds: count.describe('The bot exits within 15 s of SIGTERM.'),
  revisionHistoryLimit: count.describe('Number of old ReplicaSets to keep.'),
  podSecurityContext: object.describe('Security context of the pods; the default passes Pod Security "restricted".'),
  securityContext: object.describe('Security context of the containers; the default passes Pod Security "restricted".'),
  startupProbe: object.describe('Allows 10 min for the database and its migrations.'),
  livenessProbe: object.describe('Checks only that the process responds.'),
  readinessProbe: object.describe('Succeeds once started, until the bot is asked to stop.'),
  priorityClassName: text.describe('Priority class of the pods, so that they are not evicted first.'),
  runtimeClassName: text.describe('Runtime class.'),
  nodeSelector: map.describe('Node labels that pods require.'),
  tolerations: objects.describe('Taints that pods tolerate.'),
  affinity: object.describe('Affinity of the pods.'),
  topologySpreadConstraints: objects.describe('Default: replicas on different nodes and zones if possible.'),
  dnsConfig: object.describe('DNS options of the pods.'),
  hostAliases: objects.describe('Additional entries in /etc/hosts.'),
  serviceAccount: z
    .strictObject({
      create: flag.describe('Create one.'),
      name: text.describe('Default: the full name; if create is false: default.'),
      annotations: map.describe('Additional annotations, for example for a cloud identity.'),
    })
    .describe('The bot does not use the Kubernetes API: no token is mounted.'),
  podDisruptionBudget: z
    .strictObject({
      enabled: flag.describe('Create one. With maxUnavailable 1 it never blocks a drain, even with a single replica.'),
      maxUnavailable: z.union([count, text]).describe('How many pods may be unavailable at once.'),
      minAvailable: z
        .union([count, text])
        .describe('Alternatively, how many pods must stay available. If it equals replicas, it blocks every drain.'),
    })
    .describe('PodDisruptionBudget.'),

  extraArgs: z.array(text).describe('Additional arguments for `watchbell run`.'),
  extraEnv: objects.describe('Additional environment variables.'),
  extraEnvFrom: objects.describe(
    'Additional environment variables from Secrets and ConfigMaps; changes need a restart.',
  ),
  extraVolumes: objects.describe('Additional volumes.'),
  extraVolumeMounts: objects.describe('Additional volume mounts.'),
  extraInitContainers: objects.describe('Additional containers that run before the bot.'),
  extraContainers: objects.describe('Additional containers next to the bot.'),
  extraObjects: z
    .array(z.union([object, text]))
    .describe('Additional objects, templated, for example an ExternalSecret.'),

  service: z
    .strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).describe('Type of the public Service.'),
      port: count.describe('Its port: webhooks, API, web pages.'),
      opsPort: count.describe('Port of the second Service, RELEASE-ops: probes and metrics. Never on an ingress.'),
      ...labelsAndAnnotations,
      spec: object.describe('Additional spec fields of the public Service.'),
    })
    .describe('Services.'),
  ingress: z
    .strictObject({
      enabled: flag.describe('Create one.'),
      className: text.describe('Ingress class.'),
      ...labelsAndAnnotations,
      hosts: z.array(text).describe('Host names.'),
      paths: z
        .array(text)
        .describe(
          'Path prefixes, below http.basePath. "/" also exposes the web pages and the API: protect them first.',
        ),
      tls: objects.describe('TLS blocks; with certificate.enabled the default is its Secret.'),
    })
    .describe('Ingress for senders outside the cluster.'),
  httpRoute: z
    .strictObject({
      enabled: flag.describe('Create one.'),
      ...labelsAndAnnotations,
      parentRefs: objects.describe('Gateways.'),
      hostnames: z.array(text).describe('Host names.'),
      paths: z.array(text).describe('Path prefixes, as for ingress.'),
      filters: objects.describe('Filters for the rule.'),
    })
    .describe('HTTPRoute (Gateway API) for senders outside the cluster.'),
  certificate: z
    .strictObject({
      enabled: flag.describe('Create one.'),
      issuerRef: z.strictObject({ name: text, kind: text, group: text }).describe('cert-manager issuer.'),
      secretName: text.describe('Default: FULLNAME-tls.'),
      dnsNames: z.array(text).describe('Default: the hosts of ingress and httpRoute.'),
      ...labelsAndAnnotations,
      spec: object.describe('Additional spec fields: duration, privateKey.'),
    })
    .describe('cert-manager Certificate.'),
  networkPolicy: z
    .strictObject({
      enabled: flag.describe('Deny everything not listed here.'),
      ingressFrom: peers.describe(
        'Who can reach the public port: ingress controller, Alertmanager. Empty: all pods in this cluster.',
      ),
      metricsFrom: peers.describe('Who can reach the ops port. Empty: all pods in this cluster.'),
      dnsTo: objects.describe('DNS servers. Empty: any address on these ports.'),
      dnsPorts: z
        .array(count)
        .describe('Ports of the DNS pods, which can differ from their Service port: 5353 on OpenShift.'),
      postgres: z.strictObject({
        to: objects.describe('Postgres addresses. Empty: any address on this port.'),
        port: count.describe('Its port.'),
      }),
      httpsTo: objects.describe('Chat platforms and other addresses, on port 443. Empty: any address.'),
      extraIngress: objects.describe('Additional rules.'),
      extraEgress: objects.describe('Additional rules, for example a homeserver on port 8008.'),
    })
    .describe('NetworkPolicy.'),

  ...monitoring,

  pairing: z
    .strictObject({
      rooms: z
        .record(text, z.strictObject({ schedule: cron, timeZone: text.optional(), suspend: flag.optional() }))
        .describe(
          'Maps a room or round to the time of its coffee round: { random: { schedule: "0 10 * * 1" } }. For rounds of skills.coffee without `every:`.',
        ),
      ...job,
    })
    .describe('CronJobs that run `watchbell pair ROOM`.'),
  countdownRecovery: z
    .strictObject({
      enabled: flag.describe('Create it.'),
      schedule: cron.describe('Schedule.'),
      ...job,
    })
    .describe('CronJob that runs `watchbell recover`: hands over overdue countdowns that no replica continues.'),
  backup: z
    .strictObject({
      enabled: flag.describe('Create it. Leave it off if CloudNativePG makes the backups.'),
      schedule: cron.describe('Schedule.'),
      timeZone: text.describe('Time zone of the schedule.'),
      keep: count.min(1).describe('How many backups to keep.'),
      to: text
        .regex(/^(?:s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.*)?)?$/)
        .describe(
          'Bucket to write to instead of a volume, as `s3://BUCKET/PREFIX`; set endpoint, region and keys as `AWS_…` in `extraEnvFrom`.',
        ),
      volume: z
        .strictObject({
          existingClaim: text.describe('Volume claim to write to; default: one is created, and kept on uninstall.'),
          size: quantity.describe(
            'Size of the claim that is created, or the limit for files on their way to a bucket.',
          ),
          storageClass: text.describe("Default: the cluster's default."),
          accessModes: z.array(text).describe('Its access modes.'),
        })
        .describe('Volume for backups.'),
      ...job,
    })
    .describe('CronJob that runs `watchbell backup`.'),

  test: z
    .strictObject({
      enabled: flag.describe(
        'Let `helm test` verify a round trip, if there is a source of alerts or a fragment that may contain one.',
      ),
      source: text.describe('Source that the test posts to; default: the first one in the configuration.'),
      timeout: duration.describe(
        'Timeout for each step: the bot starts and loads this configuration, a message is shown.',
      ),
    })
    .describe('helm test.'),
});

export type Values = z.infer<typeof valuesSchema>;
