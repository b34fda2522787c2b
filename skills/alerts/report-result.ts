import { cut } from '#skill';
import type { Alert, KnownAlert, Place } from './alert.ts';
import type { AlertContext } from './display.ts';
import { advanceEpisode, SAME_NUMBER_MS, type Acceptance, type EpisodeChange } from './episode.ts';
import { groupHash, type Group, type WantedGroup } from './groups.ts';
import type { Notification, Report } from './notification.ts';
import type { Destination } from './route.ts';
import { isWorse, severityOf } from './severity.ts';
import { fill, valueOf } from './text.ts';
import type { UnconfirmedEnd } from './unconfirmed-resolve.ts';
import type { AlertUpdate } from './write-alerts.ts';
import type { AlertEnd } from './write-ends.ts';

/** A report and the destinations of its route; none: a route drops it. */
export interface RoutedReport {
  readonly report: Report;
  readonly destinations: readonly Destination[];
}

export interface ReportUpdate extends AlertUpdate {
  readonly change: EpisodeChange;
  /** Its severity rose. */
  readonly worse: boolean;
  /** Places that this notification adds to an alert that was already firing. */
  readonly added: readonly Place[];
  readonly unconfirmed?: UnconfirmedEnd | undefined;
}

/** What to write: an update, an end, or only the times of the last reports (`touched`); undefined: nothing. */
export type ReportResult =
  | { readonly update: ReportUpdate }
  | { readonly end: AlertEnd }
  | { readonly touched: Alert; readonly unconfirmed?: UnconfirmedEnd | undefined }
  | undefined;

/** Applies one report to its alert, which is locked, or does not exist yet. Pure. */
export function applyReport(
  context: AlertContext,
  source: string,
  accepted: Acceptance,
  notification: Notification,
  { report, destinations }: RoutedReport,
  { before, number, weekCount }: KnownAlert,
  groups: ReadonlyMap<string, Group>,
): ReportResult {
  const { change, next, unconfirmedEnd } = advanceEpisode(before, report, accepted);
  // An end that is handled late was accepted before the "firing" that contradicts it.
  const order = Math.max(accepted.order, next.firingOrder ?? 0);
  const unconfirmed = unconfirmedEnd && { endedAt: unconfirmedEnd, order };
  const begins = change === 'new' || change === 'reopened' || change === 'ended';
  if (!begins && before) {
    const received = { ...before, ...next };
    if (change === 'resolved')
      return { end: { alert: received, reason: before.phase === 'closed' ? null : 'resolved' } };
    if (change !== 'continues') return next === before ? undefined : { touched: received, unconfirmed };
    return continueFiring(context, notification, { report, destinations }, before, received, groups);
  }
  const alert: Alert = {
    ...{ id: before?.id ?? null, source, weekCount: 1, ack: null },
    ...next,
    ...contentOf(context, report),
    number: before?.number ?? null,
    fingerprint: report.fingerprint,
    places: destinations.map((destination) => placeOf(destination, notification, groups)),
    receivers: [notification.receiver],
  };
  if (!begins) return { update: updateOf(alert, change) };
  const awayMs = before?.endedAt ? context.now.getTime() - before.endedAt.getTime() : Infinity;
  const isNew = alert.number === null || awayMs > SAME_NUMBER_MS;
  const update: ReportUpdate = {
    ...updateOf({ ...alert, weekCount, ...(isNew && { number }) }, isNew && change === 'reopened' ? 'new' : change),
    ...{ opens: true, ends: change === 'ended' ? 'resolved' : null, what: isNew ? 'fired' : 'reopened', unconfirmed },
    detail: alert.places
      .map((place) => `${place.rooms.join(', ')}${place.policy ? ` (${place.policy})` : ''}`)
      .join('; '),
  };
  return { update };
}

/** An alert that is still firing: its content may have changed, or it comes through a second receiver with other routes. */
function continueFiring(
  context: AlertContext,
  notification: Notification,
  { report, destinations }: RoutedReport,
  before: Alert,
  received: Alert,
  groups: ReadonlyMap<string, Group>,
): ReportResult {
  const content = contentOf(context, report);
  const shown = new Set(before.places.flatMap((place) => place.rooms.map((room) => `${place.show} ${room}`)));
  const added = before.receivers.includes(notification.receiver)
    ? []
    : destinations
        .filter((one) => one.rooms.some((room) => !shown.has(`${one.show} ${room}`)))
        .map((one) => placeOf(one, notification, groups));
  const same =
    before.receivers.includes(notification.receiver) &&
    before.severity === content.severity &&
    before.generatorUrl === content.generatorUrl &&
    before.startedAt.getTime() === received.startedAt.getTime() &&
    isSame(before.labels, content.labels) &&
    isSame(before.annotations, content.annotations);
  if (same) return { touched: received };
  const alert: Alert = {
    ...{ ...received, ...content },
    places: [...before.places, ...added],
    receivers: [...new Set([...before.receivers, notification.receiver])].slice(-20),
  };
  return { update: { ...updateOf(alert, 'continues'), worse: isWorse(alert.severity, before.severity), added } };
}

const updateOf = (alert: Alert, change: EpisodeChange): ReportUpdate => ({
  alert,
  change,
  opens: false,
  ends: null,
  what: null,
  worse: false,
  added: [],
});

function contentOf(
  context: AlertContext,
  report: Report,
): Pick<Alert, 'name' | 'severity' | 'labels' | 'annotations' | 'generatorUrl'> {
  return {
    name: (valueOf(report.labels, 'alertname') ?? '').trim() || 'unnamed alert',
    severity: severityOf(report.labels, context.options.message.severity),
    labels: report.labels,
    annotations: report.annotations,
    generatorUrl: report.generatorUrl,
  };
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === valueOf(b, key));
}

function placeOf(destination: Destination, notification: Notification, groups: ReadonlyMap<string, Group>): Place {
  const hash =
    destination.show === 'group' ? groupHash(notification.groupKey, destination.rooms, destination.policy) : undefined;
  return {
    ...destination,
    receiver: notification.receiver,
    group: hash === undefined ? null : (groups.get(hash)?.id ?? null),
  };
}

/** The groups that show these alerts, each once. Pure. */
export function wantedGroups(
  context: AlertContext,
  notification: Notification,
  routedReports: readonly RoutedReport[],
): WantedGroup[] {
  const wanted = new Map<string, WantedGroup>();
  for (const { report, destinations } of routedReports) {
    for (const { show, rooms, policy } of destinations) {
      if (show !== 'group') continue;
      const keyHash = groupHash(notification.groupKey, rooms, policy);
      const name =
        valueOf(notification.groupLabels, 'alertname') ??
        (Object.values(notification.groupLabels).join(' ') || notification.receiver);
      if (!wanted.has(keyHash))
        wanted.set(keyHash, {
          keyHash,
          rooms,
          policy,
          title: cut(`${fill(context.options.message.origin, report.labels)} ${name}`.trim(), 300),
        });
    }
  }
  return [...wanted.values()];
}
