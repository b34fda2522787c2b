/** Values for monitoring the bot and for its alerts. */
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
  serviceMonitor: z.strictObject(scrape).describe('prometheus-operator ServiceMonitor.'),
  podMonitor: z.strictObject(scrape).describe('prometheus-operator PodMonitor, instead of the ServiceMonitor.'),
  prometheusRule: z
    .strictObject({
      enabled: flag.describe('Create one.'),
      ...labelsAndAnnotations,
      ruleLabels: map.describe('Labels for each alert, in addition to watchbell_self="true".'),
      runbookUrl: text.describe("URL to which the alert's name is appended."),
      disabled: z.partialRecord(z.enum(ALERTS), flag).describe('Alerts to turn off: { WatchbellNoWebhook: true }.'),
      noWebhookFor: duration.describe(
        'WatchbellNoWebhook: no webhook from a source for this long. Needs a repeating Watchdog: see NOTES.',
      ),
      lateSeconds: z.number().min(0).describe('WatchbellLate: 99 of 100 timers must fire within this time.'),
      backupOlderThan: duration.describe('WatchbellBackupOld: maximum age of the last backup.'),
      extraRules: objects.describe('Additional rules.'),
    })
    .describe('Alerts about the bot itself. Route them to another receiver: see NOTES.'),
  alertmanagerConfig: z
    .strictObject({
      enabled: flag.describe('Create one that sends the alerts of this namespace to the bot.'),
      ...labelsAndAnnotations,
      source: text.describe('Source in the configuration.'),
      tokenSecret: z
        .strictObject({
          name: text.describe("Default: the entry of `secrets` with the source's first token."),
          key: text.describe("Key in the Secret; default: that token's key."),
        })
        .describe('Secret with the token, in the namespace of the release.'),
      route: object.describe('Additional route fields: matchers, routes, groupBy.'),
    })
    .describe('prometheus-operator AlertmanagerConfig.'),
  dashboard: z
    .strictObject({
      enabled: flag.describe("Create a ConfigMap for Grafana's dashboard sidecar."),
      ...labelsAndAnnotations,
    })
    .describe('Grafana dashboard.'),
};
