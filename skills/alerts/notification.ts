import { cut } from '#skill';
import {
  fingerprintOf,
  isFields,
  MAX_ANNOTATIONS,
  MAX_GROUP_LABEL,
  MAX_LABELS,
  MAX_NAME,
  MAX_VALUE,
  shortKey,
  text,
  type Fields,
} from './payload.ts';
import { clean, webAddress } from './text.ts';

/** One alert of a notification, sanitised: short, storable, with valid times. */
export interface Report {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** By the sender's clock; null when missing, zero or invalid. */
  readonly startsAt: Date | null;
  readonly endsAt: Date | null;
  readonly generatorUrl: string | null;
}

export interface Notification {
  readonly receiver: string;
  /** Of the Alertmanager that sent it, empty when missing; peers may share it. */
  readonly externalUrl: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Alerts that Alertmanager left out (`max_alerts`). */
  readonly truncated: number;
  /** One for each fingerprint, in the order of the body. */
  readonly reports: readonly Report[];
  /** One line for each alert that could not be read, with its place in the body. */
  readonly problems: readonly string[];
  /** Alerts beyond `MAX_ALERTS`. */
  readonly leftOut: number;
}

/** Reads a part made by `keep`: good alerts become reports, bad ones problems. `added` labels are set where an alert lacks them. */
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

/** For the same fingerprint twice in one body: firing wins, the earlier start counts. */
function merged(before: Report | undefined, report: Report): Report {
  if (!before) return report;
  const chosen = before.status === 'firing' && report.status === 'resolved' ? before : report;
  const other = chosen === report ? before : report;
  if (other.status !== chosen.status || !other.startsAt || !chosen.startsAt) return chosen;
  return other.startsAt < chosen.startsAt ? { ...chosen, startsAt: other.startsAt } : chosen;
}

/** Without a prototype, so that `constructor` and `__proto__` can be labels. */
function readPairs(value: unknown, most: number, max = MAX_VALUE): Record<string, string> {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isFields(value)) return pairs;
  for (const [name, raw] of Object.entries(value).slice(0, most)) {
    if (raw === null || raw === undefined) continue;
    pairs[clean(name, MAX_NAME)] = clean(text(raw), max);
  }
  return pairs;
}

/** Grafana sends its links beside the annotations. */
function withGrafanaLinks(annotations: Record<string, string>, item: Fields): Record<string, string> {
  const links = {
    dashboard_url: withoutEnd(webAddress(text(item['panelURL'])) ?? webAddress(text(item['dashboardURL']))),
    silence_url: webAddress(text(item['silenceURL'])),
  };
  for (const [name, url] of Object.entries(links))
    if (url !== undefined && !Object.hasOwn(annotations, name)) annotations[name] = url;
  return annotations;
}

/** Removes the end of the time range, which is the time of sending, so that each repeat would look like a change. Default: now. */
function withoutEnd(address: string | undefined): string | undefined {
  const url = address === undefined ? null : URL.parse(address);
  if (!url?.searchParams.has('to')) return address;
  url.searchParams.delete('to');
  return url.href;
}

const EARLIEST = Date.UTC(1971, 0, 1);
const LATEST = Date.UTC(9999, 0, 1);

/** Null for Go's zero time (year 1), which means "none", and for invalid times. */
function readTime(value: unknown): Date | null {
  if (typeof value !== 'string' || value.length > 64) return null;
  const ms = Date.parse(value);
  return ms >= EARLIEST && ms < LATEST ? new Date(ms) : null;
}

/** Alertmanager sends the receiver's name as a quoted regular expression: `prod\-eu`. */
function unescapeRegex(name: string): string {
  return name.replace(/\\([\\.+*?()|[\]{}^$-])/g, '$1');
}
