/** Shapes that several values share. */
import { z } from 'zod';

export const text = z.string();
export const flag = z.boolean();
export const count = z.int().min(0);
export const map = z.record(text, text);
/** Labels that the chart itself writes; a second time they would be the same key twice. */
const OWN_LABELS = [
  ...['name', 'instance', 'component', 'version', 'managed-by'].map((key) => `app.kubernetes.io/${key}`),
  'helm.sh/chart',
];
export const moreLabels = z.record(
  text.refine((key) => !OWN_LABELS.includes(key)).meta({ not: { enum: OWN_LABELS } }),
  text,
);
/** Passed on to Kubernetes, which says what may stand there. */
export const object = z.record(text, z.unknown());
export const objects = z.array(object);
export const quantity = z.union([text, z.number()]);
export const cron = text.regex(/^\S+(?: \S+){4}$|^@(?:hourly|daily|weekly|monthly)$/);
export const duration = text.regex(/^\d+[smhd]$/);
export const labelsAndAnnotations = {
  labels: map.describe('More labels.'),
  annotations: map.describe('More annotations.'),
};

const secretItem = z.union([text, z.strictObject({ key: text, path: text })]);
/** Of registries: by name, or as Kubernetes writes them. */
export const pullSecrets = z.array(z.union([text, z.strictObject({ name: text })]));

export const secret = z.strictObject({
  name: text.min(1).describe('Name of the Secret, passed through a template.'),
  items: z
    .array(secretItem)
    .optional()
    .describe('Keys to take, or { key, path } to give one another file name; default: all.'),
  optional: flag.optional().describe('The Secret may be missing.'),
});

export const scrape = {
  enabled: flag.describe('Make one.'),
  interval: duration.describe('How often to scrape.'),
  scrapeTimeout: duration.describe('How long to wait for an answer.'),
  ...labelsAndAnnotations,
  relabelings: objects.describe('Relabelings before the scrape.'),
  metricRelabelings: objects.describe('Relabelings of what was scraped.'),
};

export const job = {
  suspend: flag.describe('Start none, for example while a backup is restored.'),
  startingDeadlineSeconds: count.describe('A run that is later than this is left out.'),
  ttlSecondsAfterFinished: count.describe('Finished jobs are deleted after this.'),
  resources: object.describe('Requests and limits of the pod.'),
};

export const peers = objects.describe('NetworkPolicy peers that may come in.');
