import { cut } from '#skill';
import { advance, SAME_NUMBER_MS, type Accepted, type Change } from './advance.ts';
import type { Alert, Look, Place } from './alert.ts';
import type { DoubtedEnd } from './doubt.ts';
import { groupHash, type Group, type WantedGroup } from './groups.ts';
import type { Notification, Report } from './payload.ts';
import type { Destination } from './route.ts';
import { isWorse, severityOf } from './severity.ts';
import type { AlertContext } from './show.ts';
import { fill, valueOf } from './text.ts';
import type { Written } from './write-alerts.ts';
import type { Ended } from './write-ends.ts';

/** A report and where its route sends it; nowhere: a route drops it. */
export interface Decided {
  readonly report: Report;
  readonly destinations: readonly Destination[];
}

export interface Outcome extends Written {
  readonly change: Change;
  /** Its severity rose. */
  readonly worse: boolean;
  /** Places it had not been shown in before this notification, though it fires on. */
  readonly added: readonly Place[];
  readonly doubted?: DoubtedEnd | undefined;
}

/** What is to be written: an outcome, an end, or only that it was heard of, perhaps of an end that is doubted; undefined: nothing. */
export type Result =
  | { readonly outcome: Outcome }
  | { readonly end: Ended }
  | { readonly touched: Alert; readonly doubted?: DoubtedEnd | undefined }
  | undefined;

/** What one report does to its alert, which is locked, or not there. Pure. */
export function resultOf(
  context: AlertContext,
  source: string,
  accepted: Accepted,
  notification: Notification,
  { report, destinations }: Decided,
  { before, number, weekCount }: Look,
  groups: ReadonlyMap<string, Group>,
): Result {
  const { change, next, doubtedEnd } = advance(before, report, accepted);
  // What is handled late was accepted before the "firing" that it is doubted for.
  const order = Math.max(accepted.order, next.firingOrder ?? 0);
  const doubted = doubtedEnd && { endedAt: doubtedEnd, order };
  const begins = change === 'new' || change === 'reopened' || change === 'ended';
  if (!begins && before) {
    const seen = { ...before, ...next };
    if (change === 'resolved') return { end: { alert: seen, reason: before.phase === 'closed' ? null : 'resolved' } };
    if (change !== 'continues') return next === before ? undefined : { touched: seen, doubted };
    return continued(context, notification, { report, destinations }, before, seen, groups);
  }
  const alert: Alert = {
    ...{ id: before?.id ?? null, source, weekCount: 1, ack: null },
    ...next,
    ...describe(context, report),
    number: before?.number ?? null,
    fingerprint: report.fingerprint,
    places: destinations.map((destination) => placeOf(destination, notification, groups)),
    receivers: [notification.receiver],
  };
  if (!begins) return { outcome: plain(alert, change) };
  const away = before?.endedAt ? context.now.getTime() - before.endedAt.getTime() : Infinity;
  const anew = alert.number === null || away > SAME_NUMBER_MS;
  const outcome: Outcome = {
    ...plain({ ...alert, weekCount, ...(anew && { number }) }, anew && change === 'reopened' ? 'new' : change),
    ...{ opens: true, ends: change === 'ended' ? 'resolved' : null, what: anew ? 'fired' : 'reopened', doubted },
    detail: alert.places
      .map((place) => `${place.rooms.join(', ')}${place.policy ? ` (${place.policy})` : ''}`)
      .join('; '),
  };
  return { outcome };
}

/** An alert that fires on: something to see may have changed, or it comes by a second receiver with routes of its own. */
function continued(
  context: AlertContext,
  notification: Notification,
  { report, destinations }: Decided,
  before: Alert,
  seen: Alert,
  groups: ReadonlyMap<string, Group>,
): Result {
  const described = describe(context, report);
  const shown = new Set(before.places.flatMap((place) => place.rooms.map((room) => `${place.show} ${room}`)));
  const added = before.receivers.includes(notification.receiver)
    ? []
    : destinations
        .filter((one) => one.rooms.some((room) => !shown.has(`${one.show} ${room}`)))
        .map((one) => placeOf(one, notification, groups));
  const same =
    before.receivers.includes(notification.receiver) &&
    before.severity === described.severity &&
    before.generatorUrl === described.generatorUrl &&
    before.startedAt.getTime() === seen.startedAt.getTime() &&
    isSame(before.labels, described.labels) &&
    isSame(before.annotations, described.annotations);
  if (same) return { touched: seen };
  const alert: Alert = {
    ...{ ...seen, ...described },
    places: [...before.places, ...added],
    receivers: [...new Set([...before.receivers, notification.receiver])].slice(-20),
  };
  return { outcome: { ...plain(alert, 'continues'), worse: isWorse(alert.severity, before.severity), added } };
}

const plain = (alert: Alert, change: Change): Outcome => ({
  alert,
  change,
  opens: false,
  ends: null,
  what: null,
  worse: false,
  added: [],
});

function describe(
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

/** The groups that these alerts are shown in, one a key. Pure. */
export function wantedGroups(
  context: AlertContext,
  notification: Notification,
  decided: readonly Decided[],
): WantedGroup[] {
  const wanted = new Map<string, WantedGroup>();
  for (const { report, destinations } of decided) {
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
