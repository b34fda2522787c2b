/** Values of what watches the bot, and of what it is sent. */
import { z } from 'zod';
import { duration, flag, map, object, objects, scrape, text, labelsAndAnnotations } from './shapes.ts';

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

export const monitoring = {
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
      tokenSecret: z
        .strictObject({
          name: text.describe("Default: the one of `secrets` that holds the source's first token."),
          key: text.describe('Its key; default: likewise.'),
        })
        .describe('Secret with its token, in the namespace of the release.'),
      route: object.describe('More of its route: matchers, routes, groupBy.'),
    })
    .describe('AlertmanagerConfig of prometheus-operator.'),
  dashboard: z
    .strictObject({
      enabled: flag.describe("A ConfigMap that Grafana's sidecar finds."),
      ...labelsAndAnnotations,
    })
    .describe('Grafana dashboard.'),
};
