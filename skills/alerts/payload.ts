import { createHash } from 'node:crypto';
import { cut } from '#skill';
import { clean, webAddress } from './text.ts';

/** What one alert of a notification says, made safe: short, storable, with times that exist. */
export interface Report {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** As the sender has it; null when missing, zero or nonsense. */
  readonly startsAt: Date | null;
  readonly endsAt: Date | null;
  readonly generatorUrl: string | null;
}

export interface Notification {
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** How many alerts Alertmanager left out (`max_alerts`). */
  readonly truncated: number;
  /** One a fingerprint, in the order of the body. */
  readonly reports: readonly Report[];
  /** What could not be read, one line each, with its place. */
  readonly problems: readonly string[];
}

const MAX_LABELS = 100;
const MAX_ANNOTATIONS = 50;
const MAX_NAME = 256;
/** Labels up to 100 kB occur; nobody reads more than this, and matchers look at no more either. */
const MAX_VALUE = 4096;
const MAX_GROUP_KEY = 65_536;

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One sentence when this is no Alertmanager notification at all, else undefined. Quick and pure. */
export function refuse(body: unknown): string | undefined {
  if (!isFields(body)) return 'the body is not a JSON object; send what Alertmanager sends to a webhook receiver';
  if (body['version'] !== undefined && text(body['version']) !== '4')
    return `this is version ${clean(JSON.stringify(body['version']) ?? '', 20)} of a webhook; Alertmanager's is version "4"`;
  if (!Array.isArray(body['alerts']))
    return 'there is no list "alerts" in the body; send what Alertmanager sends to a webhook receiver';
  return undefined;
}

/** The states of one group follow each other: handled side by side, firing, resolved, firing would ring once. Pure. */
export function laneOf(body: unknown, source: string): string {
  return `${source} ${isFields(body) ? text(body['groupKey']) : ''}`;
}

/** Reads a body that `refuse` let through; takes every good alert and names every bad one. `added` labels are set where an alert lacks them. */
export function readNotification(body: unknown, added: Readonly<Record<string, string>> = {}): Notification {
  const fields = isFields(body) ? body : {};
  const list: readonly unknown[] = Array.isArray(fields['alerts']) ? fields['alerts'] : [];
  const reports = new Map<string, Report>();
  const problems: string[] = [];
  list.forEach((item, index) => {
    const read = readAlert(item, fields['status'], added);
    if (typeof read === 'string') problems.push(`alerts[${index}]: ${read}`);
    else reports.set(read.fingerprint, merged(reports.get(read.fingerprint), read));
  });
  const truncated = Number(text(fields['truncatedAlerts']));
  return {
    receiver: unescapeRegex(clean(text(fields['receiver']), MAX_NAME)),
    groupKey: cut(text(fields['groupKey']), MAX_GROUP_KEY),
    groupLabels: readPairs(fields['groupLabels'], MAX_LABELS),
    truncated: Number.isSafeInteger(truncated) && truncated > 0 ? truncated : 0,
    reports: [...reports.values()],
    problems,
  };
}

function readAlert(item: unknown, groupStatus: unknown, added: Readonly<Record<string, string>>): Report | string {
  if (!isFields(item)) return 'it is not an object';
  if (!isFields(item['labels'])) return 'its labels are missing';
  const status = item['status'] ?? groupStatus;
  if (status !== 'firing' && status !== 'resolved') return 'its status is neither firing nor resolved';
  const labels = readPairs(item['labels'], MAX_LABELS);
  for (const [name, value] of Object.entries(added)) if (!Object.hasOwn(labels, name)) labels[name] = value;
  return {
    fingerprint: fingerprintOf(item['fingerprint'], item['labels']),
    status,
    labels,
    annotations: readPairs(item['annotations'], MAX_ANNOTATIONS),
    startsAt: readTime(item['startsAt']),
    endsAt: readTime(item['endsAt']),
    generatorUrl: webAddress(text(item['generatorURL'])) ?? null,
  };
}

/** The same fingerprint twice in one body: firing wins, the earlier start counts. */
function merged(before: Report | undefined, report: Report): Report {
  if (!before) return report;
  const chosen = before.status === 'firing' && report.status === 'resolved' ? before : report;
  const other = chosen === report ? before : report;
  if (other.status !== chosen.status || !other.startsAt || !chosen.startsAt) return chosen;
  return other.startsAt < chosen.startsAt ? { ...chosen, startsAt: other.startsAt } : chosen;
}

/** No prototype, so that a label called `constructor` or `__proto__` is a label. */
function readPairs(value: unknown, most: number): Record<string, string> {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isFields(value)) return pairs;
  for (const [name, raw] of Object.entries(value).slice(0, most)) {
    if (raw === null || raw === undefined) continue;
    pairs[clean(name, MAX_NAME)] = clean(text(raw), MAX_VALUE);
  }
  return pairs;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  // Anything deeper is shown as far as it is short; it is not what Alertmanager sends.
  return isFields(value) || Array.isArray(value) ? '(not text)' : '';
}

/** The sender's, or one of our own over all labels as they came; long ones are hashed, an index row has 2.7 kB. */
function fingerprintOf(given: unknown, labels: Fields): string {
  const fingerprint = clean(text(given), 1000);
  if (fingerprint !== '' && fingerprint.length <= 64) return fingerprint;
  const basis =
    fingerprint !== '' ? fingerprint : JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `sha-${createHash('sha256').update(basis).digest('hex').slice(0, 24)}`;
}

const EARLIEST = Date.UTC(1971, 0, 1);
const LATEST = Date.UTC(9999, 0, 1);

/** Go's zero time (year 1) means "none", and so does what is no time. */
function readTime(value: unknown): Date | null {
  if (typeof value !== 'string' || value.length > 64) return null;
  const ms = Date.parse(value);
  return ms >= EARLIEST && ms < LATEST ? new Date(ms) : null;
}

/** Alertmanager sends the receiver's name as a quoted regular expression: `prod\-eu`. */
function unescapeRegex(name: string): string {
  return name.replace(/\\([\\.+*?()|[\]{}^$-])/g, '$1');
}
