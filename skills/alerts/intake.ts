import { z, type Json, type WebhookRequest } from '#skill';
import { drawNumbers, isNamed, lockByFingerprint, type Alert } from './alert.ts';
import { addMembers, lockGroups, lockGroupsById, type Group } from './groups.ts';
import { resultOf, wantedGroups, type Outcome } from './outcome.ts';
import { readNotification, type Notification } from './payload.ts';
import { evaluate } from './route.ts';
import { remindLater, showAlert, showGroup, type AlertContext } from './show.ts';
import { tellUnreadable } from './unreadable.ts';
import { touchAlerts, writeAlerts } from './write-alerts.ts';
import { writeEnds, type Ended } from './write-ends.ts';

/** Alerts in one transaction: about 0.3 s of its 5; on a busy machine 10,000 at once took more than that. */
const AT_ONCE = 1000;

/** What is left of a large notification, to be handled after it. */
export const rest = z.object({
  source: z.string(),
  receivedAt: z.iso.datetime(),
  order: z.int(),
  body: z.looseObject({}),
});

/**
 * Takes one notification of Alertmanager's: every alert in it is new, goes on, is over, or is a late repeat. What is
 * more than one transaction should hold follows as events of its own, which are stored together with this one's work.
 */
export async function takeNotification(context: AlertContext, request: WebhookRequest): Promise<void> {
  const body = request.body as { readonly alerts: readonly Json[] } & Record<string, Json>;
  const { source, order } = request;
  const receivedAt = request.receivedAt.toISOString();
  for (let from = AT_ONCE; from < body.alerts.length; from += AT_ONCE)
    await context.emit('alerts.rest', {
      source,
      receivedAt,
      order,
      body: { ...body, alerts: body.alerts.slice(from, from + AT_ONCE) },
    });
  await takeAlerts(context, { ...request, body: { ...body, alerts: body.alerts.slice(0, AT_ONCE) } });
}

export async function takeAlerts(context: AlertContext, request: WebhookRequest): Promise<void> {
  const { route, sources } = context.options;
  // Refused by `check`; only a configuration that changed between accepting and handling comes here.
  if (!route) throw new Error('skills.alerts.route is missing, so nothing says where alerts are shown');
  const notification = readNotification(request.body, sources[request.source]?.labels);
  if (notification.problems.length > 0) await tellUnreadable(context, request.source, notification);
  const origin = { source: request.source, receiver: notification.receiver };
  const decided = notification.reports.map((report) => ({
    report,
    destinations: evaluate(route, report.labels, origin),
  }));
  if (decided.length === 0) return;
  const groups = new Map<string, Group>();
  const wanted = wantedGroups(context, notification, decided);
  for (const group of await lockGroups(context.sql, request.source, wanted)) groups.set(group.keyHash, group);

  const looks = await lockByFingerprint(
    context.sql,
    request.source,
    decided.map(({ report, destinations }) => ({
      fingerprint: report.fingerprint,
      firing: report.status === 'firing' && destinations.length > 0,
    })),
    context.now,
  );
  const writes: Outcome[] = [];
  const touched: Alert[] = [];
  const ends: Ended[] = [];
  for (const one of decided) {
    const look = looks.get(one.report.fingerprint);
    // What a route drops is not kept; what was shown before it was dropped still ends.
    if (!look || (one.destinations.length === 0 && look.before?.phase !== 'firing')) continue;
    const result = resultOf(context, request, notification, one, look, groups);
    if (result === undefined) continue;
    if ('touched' in result) touched.push(result.touched);
    else if ('end' in result) ends.push(result.end);
    else writes.push(result.outcome);
  }
  const numbered = await withNumbers(context, writes);
  // Not awaited where nothing depends on it: each round trip costs as much as the rest of this.
  const writing = Promise.all([
    writeAlerts(context.sql, request.source, numbered, context.now),
    touchAlerts(context.sql, touched),
    writeEnds(context.sql, ends, context.now),
  ]);
  writing.catch(() => {});
  const ids = numbered.some(({ alert }) => alert.places.some((place) => place.group !== null))
    ? (await writing)[0]
    : new Map<string, number>();
  await show(context, notification, numbered, ends, ids, groups);
}

/** Those that are new to people again get a number too. */
async function withNumbers(context: AlertContext, writes: readonly Outcome[]): Promise<readonly Outcome[]> {
  const missing = writes.filter(({ alert, opens }) => opens && alert.number === null);
  if (missing.length === 0) return writes;
  const numbers = new Map(
    (await drawNumbers(context.sql, missing.length)).map((number, nth) => [missing[nth], number] as const),
  );
  return writes.map((write) => ({
    ...write,
    alert: { ...write.alert, number: numbers.get(write) ?? write.alert.number },
  }));
}

async function show(
  context: AlertContext,
  notification: Notification,
  writes: readonly Outcome[],
  ends: readonly Ended[],
  /** Of those that are written just now. */
  ids: ReadonlyMap<string, number>,
  groups: ReadonlyMap<string, Group>,
): Promise<void> {
  const outcomes = new Map(writes.map((write) => [write.alert.fingerprint, write]));
  const members: { group: number; alert: number }[] = [];
  const changed = new Map<number, { newcomers: number; ring: boolean }>();
  for (const { alert } of [...writes, ...ends]) {
    if (!isNamed(alert)) continue;
    const outcome = outcomes.get(alert.fingerprint);
    if (outcome?.change === 'resolvedUnheard') continue;
    const begins = outcome?.change === 'new' || outcome?.change === 'reopened';
    const worse = (outcome?.worse ?? false) && alert.ack !== null;
    const added = outcome?.added ?? [];
    await showAlert(context, alert, { ring: begins || worse });
    await remindLater(
      context,
      { alert: alert.number },
      added.filter((place) => place.show === 'alert').map((place) => place.policy),
    );
    for (const { group } of alert.places) {
      if (group === null) continue;
      const joins = begins || added.some((place) => place.group === group);
      const id = alert.id ?? ids.get(alert.fingerprint);
      if (id !== undefined && (joins || outcome?.change === 'ended')) members.push({ group, alert: id });
      const so = changed.get(group) ?? { newcomers: 0, ring: false };
      changed.set(group, { newcomers: so.newcomers + (joins ? 1 : 0), ring: so.ring || worse });
    }
  }
  await addMembers(context.sql, members);
  const locked = new Map([...groups.values()].map((group) => [group.id, group]));
  // An alert may stand in a group of another receiver too; those are few, and a deadlock with them is run again.
  for (const group of await lockGroupsById(
    context.sql,
    [...changed.keys()].filter((id) => !locked.has(id)),
  ))
    locked.set(group.id, group);
  for (const [id, change] of [...changed].sort(([a], [b]) => a - b)) {
    const group = locked.get(id);
    if (group) await showGroup(context, group, { ...change, truncated: notification.truncated });
  }
}
