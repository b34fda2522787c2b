import { createHash } from 'node:crypto';
import { cut, type Json } from '#skill';
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
  /** Of the Alertmanager that sent it, empty when missing; its peers may have the same. */
  readonly externalUrl: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** How many alerts Alertmanager left out (`max_alerts`). */
  readonly truncated: number;
  /** One a fingerprint, in the order of the body. */
  readonly reports: readonly Report[];
  /** What could not be read, one line each, with its place. */
  readonly problems: readonly string[];
  /** Alerts beyond what one notification may have; see `keep`. */
  readonly leftOut: number;
}

/** Alerts of one notification. Alertmanager's own answer to larger groups is `max_alerts`. */
export const MAX_ALERTS = 10_000;
/** Alerts in one part, which is one transaction: about 0.3 s of its 5; on a busy machine 10,000 at once took more than that. */
export const PART_ALERTS = 1000;
/** Characters in one part, about: what one event may cost in memory. */
const PART_CHARACTERS = 1024 * 1024;

const MAX_LABELS = 100;
const MAX_ANNOTATIONS = 50;
const MAX_NAME = 256;
/** Labels up to 100 kB occur; nobody reads more than this, and matchers look at no more either. */
const MAX_VALUE = 4096;
const MAX_GROUP_KEY = 256;
/** Group labels make a title. */
const MAX_GROUP_LABEL = 256;
/** Grafana's webhooks have the shape of Alertmanager's, with a version of their own. */
const VERSIONS = ['4', '1'];

const ADDRESSES = ['generatorURL', 'panelURL', 'dashboardURL', 'silenceURL'];

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One sentence when this is no Alertmanager notification at all, else undefined. Quick and pure. */
export function refuse(body: unknown): string | undefined {
  if (!isFields(body)) return 'the body is not a JSON object; send what Alertmanager sends to a webhook receiver';
  if (body['version'] !== undefined && !VERSIONS.includes(text(body['version'])))
    return `this is version ${clean(JSON.stringify(body['version']) ?? '', 20)} of a webhook; Alertmanager's is version "4", Grafana's "1"`;
  if (!Array.isArray(body['alerts']))
    return 'there is no list "alerts" in the body; send what Alertmanager sends to a webhook receiver';
  return undefined;
}

/** The states of one group follow each other: handled side by side, firing, resolved, firing would ring once. Pure. */
export function laneOf(body: unknown, source: string): string {
  return `${source} ${isFields(body) ? text(body['groupKey']) : ''}`;
}

/**
 * What is kept of a body that `refuse` let through: only what is read later, and of that no more than is looked at, in parts
 * that one transaction can hold. `first` is where a part's alerts stood in the body. Pure.
 */
export function keep(body: unknown): Json[] {
  const fields = isFields(body) ? body : {};
  const list: readonly unknown[] = Array.isArray(fields['alerts']) ? fields['alerts'] : [];
  const common = {
    status: short(fields['status']),
    receiver: short(fields['receiver']),
    externalURL: cut(text(fields['externalURL']), MAX_VALUE),
    groupKey: shortKey(text(fields['groupKey'])),
    groupLabels: keepPairs(fields['groupLabels'], MAX_LABELS, MAX_GROUP_LABEL),
    truncatedAlerts: short(fields['truncatedAlerts']),
  };
  const parts: { first: number; alerts: Json[]; characters: number }[] = [];
  for (const [index, item] of list.slice(0, MAX_ALERTS).entries()) {
    const alert = keepAlert(item);
    const characters = sizeOf(alert);
    const last = parts.at(-1);
    if (last && last.alerts.length < PART_ALERTS && last.characters + characters <= PART_CHARACTERS) {
      last.alerts.push(alert);
      last.characters += characters;
    } else parts.push({ first: index, alerts: [alert], characters });
  }
  if (parts.length === 0) parts.push({ first: 0, alerts: [], characters: 0 });
  const leftOut = Math.max(0, list.length - MAX_ALERTS);
  return parts.map(({ first, alerts }) => ({
    ...common,
    alerts,
    first,
    ...(first === 0 && leftOut > 0 && { leftOut }),
  }));
}

function keepAlert(item: unknown): Json {
  if (!isFields(item)) return null;
  const { labels } = item;
  if (!isFields(labels)) return {};
  return {
    ...(item['status'] !== undefined && { status: short(item['status']) }),
    labels: keepPairs(labels, MAX_LABELS),
    annotations: keepPairs(item['annotations'], MAX_ANNOTATIONS),
    startsAt: short(item['startsAt']),
    endsAt: short(item['endsAt']),
    ...Object.fromEntries(
      ADDRESSES.flatMap((name) => (item[name] === undefined ? [] : [[name, cut(text(item[name]), MAX_VALUE)]])),
    ),
    // Over all labels as they came.
    fingerprint: fingerprintOf(item['fingerprint'], labels),
  };
}

function keepPairs(value: unknown, most: number, max = MAX_VALUE): Record<string, string> {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isFields(value)) return pairs;
  let taken = 0;
  // Not `Object.entries`: of 100,000 labels only the first are looked at.
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    if (++taken > most) break;
    const raw = value[name];
    if (raw !== null && raw !== undefined) pairs[cut(name, MAX_NAME)] = cut(text(raw), max);
  }
  return pairs;
}

function short(value: unknown): string {
  return cut(text(value), MAX_NAME);
}

/** Characters of an alert's names and values. */
function sizeOf(alert: Json): number {
  let characters = 100;
  if (alert === null || typeof alert !== 'object') return characters;
  for (const part of Object.values(alert)) {
    if (typeof part === 'string') characters += part.length;
    else
      for (const [name, value] of Object.entries(part as Record<string, string>))
        characters += name.length + value.length + 6;
  }
  return characters;
}

/** Reads a part that `keep` made; takes every good alert and names every bad one. `added` labels are set where an alert lacks them. */
export function readNotification(body: unknown, added: Readonly<Record<string, string>> = {}): Notification {
  const fields = isFields(body) ? body : {};
  const list: readonly unknown[] = Array.isArray(fields['alerts']) ? fields['alerts'] : [];
  const reports = new Map<string, Report>();
  const problems: string[] = [];
  const first = count(fields['first']);
  list.forEach((item, index) => {
    const read = readAlert(item, fields['status'], added);
    if (typeof read === 'string') problems.push(`alerts[${first + index}]: ${read}`);
    else reports.set(read.fingerprint, merged(reports.get(read.fingerprint), read));
  });
  return {
    receiver: unescapeRegex(clean(text(fields['receiver']), MAX_NAME)),
    externalUrl: cut(text(fields['externalURL']), MAX_VALUE),
    groupKey: shortKey(text(fields['groupKey'])),
    groupLabels: readPairs(fields['groupLabels'], MAX_LABELS, MAX_GROUP_LABEL),
    truncated: count(fields['truncatedAlerts']),
    reports: [...reports.values()],
    problems,
    leftOut: count(fields['leftOut']),
  };
}

function count(value: unknown): number {
  const given = Number(text(value));
  return Number.isSafeInteger(given) && given > 0 ? given : 0;
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
    annotations: withGrafanaLinks(readPairs(item['annotations'], MAX_ANNOTATIONS), item),
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
function readPairs(value: unknown, most: number, max = MAX_VALUE): Record<string, string> {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isFields(value)) return pairs;
  for (const [name, raw] of Object.entries(value).slice(0, most)) {
    if (raw === null || raw === undefined) continue;
    pairs[clean(name, MAX_NAME)] = clean(text(raw), max);
  }
  return pairs;
}

/** Grafana has its links beside the annotations. */
function withGrafanaLinks(annotations: Record<string, string>, item: Fields): Record<string, string> {
  const links = {
    dashboard_url: withoutEnd(webAddress(text(item['panelURL'])) ?? webAddress(text(item['dashboardURL']))),
    silence_url: webAddress(text(item['silenceURL'])),
  };
  for (const [name, url] of Object.entries(links))
    if (url !== undefined && !Object.hasOwn(annotations, name)) annotations[name] = url;
  return annotations;
}

/** The end of the time range is the moment of sending: each repeat would look like news. Without it, it is now. */
function withoutEnd(address: string | undefined): string | undefined {
  const url = address === undefined ? null : URL.parse(address);
  if (!url?.searchParams.has('to')) return address;
  url.searchParams.delete('to');
  return url.href;
}

/** Looked at for each alert of the group, so a long one is hashed once. */
function shortKey(key: string): string {
  return key.length <= MAX_GROUP_KEY ? cut(key, MAX_GROUP_KEY) : hashOf(key);
}

function hashOf(text: string): string {
  return `sha-${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
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
  return hashOf(basis);
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
