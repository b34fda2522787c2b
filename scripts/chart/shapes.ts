/** Types that several values share. */
import { z } from 'zod';

export const text = z.string();
export const flag = z.boolean();
export const count = z.int().min(0);
export const map = z.record(text, text);
/** Labels that the chart sets itself; setting them again would duplicate the key. */
const OWN_LABELS = [
  ...['name', 'instance', 'component', 'version', 'managed-by'].map((key) => `app.kubernetes.io/${key}`),
  'helm.sh/chart',
];
export const moreLabels = z.record(
  text.refine((key) => !OWN_LABELS.includes(key)).meta({ not: { enum: OWN_LABELS } }),
  text,
);
/** Passed on to Kubernetes, which validates it. */
export const object = z.record(text, z.unknown());
export const objects = z.array(object);
export const quantity = z.union([text, z.number()]);
export const cron = text.regex(/^\S+(?: \S+){4}$|^@(?:hourly|daily|weekly|monthly)$/);
export const duration = text.regex(/^\d+[smhd]$/);
export const labelsAndAnnotations = {
  labels: map.describe('Additional labels.'),
  annotations: map.describe('Additional annotations.'),
};

const secretItem = z.union([text, z.strictObject({ key: text, path: text })]);
/** Pull secrets: by name, or in the form that Kubernetes uses. */
export const pullSecrets = z.array(z.union([text, z.strictObject({ name: text })]));

export const secret = z.strictObject({
  name: text.min(1).describe('Name of the Secret, templated.'),
  items: z
    .array(secretItem)
    .optional()
    .describe('Keys to use, or { key, path } to use another file name; default: all.'),
  optional: flag.optional().describe('The Secret may be missing.'),
});

export const scrape = {
  enabled: flag.describe('Create one.'),
  interval: duration.describe('How often to scrape.'),
  scrapeTimeout: duration.describe('Timeout of a scrape.'),
  ...labelsAndAnnotations,
  relabelings: objects.describe('Relabelings before the scrape.'),
  metricRelabelings: objects.describe('Relabelings of scraped metrics.'),
};

export const job = {
  suspend: flag.describe('Suspend the CronJob, for example while a backup is restored.'),
  startingDeadlineSeconds: count.describe('Runs that are later than this are skipped.'),
  ttlSecondsAfterFinished: count.describe('Finished Jobs are deleted after this time.'),
  resources: object.describe('Resource requests and limits of the pod.'),
};

export const peers = objects.describe('NetworkPolicy peers.');
