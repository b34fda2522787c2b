import { createHash } from 'node:crypto';
import { cut, type Json } from '#skill';
import { clean } from './text.ts';

/** Most alerts of one notification. Larger groups are limited by Alertmanager's `max_alerts`. */
export const MAX_ALERTS = 10_000;
/** Most alerts in one part, which is one transaction of about 0.3 s; on a busy machine 10,000 took longer than its 5 s. */
export const PART_ALERTS = 1000;
/** Most characters in one part, about; limits the memory of one event. */
const PART_CHARACTERS = 1024 * 1024;

export const MAX_LABELS = 100;
export const MAX_ANNOTATIONS = 50;
export const MAX_NAME = 256;
/** Labels up to 100 kB occur; nobody reads more than this, and matchers do not see more. */
export const MAX_VALUE = 4096;
const MAX_GROUP_KEY = 256;
/** Group labels only make a title. */
export const MAX_GROUP_LABEL = 256;
/** Alertmanager's version, and Grafana's, whose webhooks have the same shape. */
const VERSIONS = ['4', '1'];

const ADDRESSES = ['generatorURL', 'panelURL', 'dashboardURL', 'silenceURL'];

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why this is no Alertmanager notification, in one sentence; undefined: it is one. Quick and pure. */
export function reject(body: unknown): string | undefined {
  if (!isFields(body)) return 'the body is not a JSON object; send what Alertmanager sends to a webhook receiver';
  if (body['version'] !== undefined && !VERSIONS.includes(text(body['version'])))
    return `this is version ${clean(JSON.stringify(body['version']) ?? '', 20)} of a webhook; Alertmanager sends version "4", Grafana "1"`;
  if (!Array.isArray(body['alerts']))
    return 'there is no list "alerts" in the body; send what Alertmanager sends to a webhook receiver';
  return undefined;
}

/** One lane for each group: handled in parallel, firing, resolved, firing would ring once. Pure. */
export function laneOf(body: unknown, source: string): string {
  return `${source} ${isFields(body) ? text(body['groupKey']) : ''}`;
}

/**
 * Reduces a body to the fields that are read later, shortened, in parts that one transaction can handle. `first` is the position
 * of a part's first alert in the body. Pure.
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
    // Computed from all labels, before they are shortened.
    fingerprint: fingerprintOf(item['fingerprint'], labels),
  };
}

function keepPairs(value: unknown, most: number, max = MAX_VALUE): Record<string, string> {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isFields(value)) return pairs;
  let count = 0;
  // Not `Object.entries`, which would copy all of 100,000 labels.
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    if (++count > most) break;
    const raw = value[name];
    if (raw !== null && raw !== undefined) pairs[cut(name, MAX_NAME)] = cut(text(raw), max);
  }
  return pairs;
}

function short(value: unknown): string {
  return cut(text(value), MAX_NAME);
}

/** The number of characters in an alert's names and values, about. */
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

/** Compared for each alert of the group, so a long one is hashed once. */
export function shortKey(key: string): string {
  return key.length <= MAX_GROUP_KEY ? cut(key, MAX_GROUP_KEY) : hashOf(key);
}

function hashOf(text: string): string {
  return `sha-${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}

export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  // Alertmanager sends no nested values.
  return isFields(value) || Array.isArray(value) ? '(not text)' : '';
}

/** The sender's fingerprint, or a hash of all labels. Long ones are hashed, since an index row is limited to 2.7 kB. */
export function fingerprintOf(given: unknown, labels: Fields): string {
  const fingerprint = clean(text(given), 1000);
  if (fingerprint !== '' && fingerprint.length <= 64) return fingerprint;
  const basis =
    fingerprint !== '' ? fingerprint : JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return hashOf(basis);
}
