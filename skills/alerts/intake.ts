import { z, type Json, type WebhookRequest } from '#skill';
import { lockByFingerprint, type Alert, type Numbered } from './alert.ts';
import { addMembers, lockGroups, lockGroupsById, type Group } from './groups.ts';
import { resultOf, wantedGroups, type Decided, type Outcome } from './outcome.ts';
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
  const groups = new Map<string, Group>();
  const wanted = wantedGroups(context, notification, decided);
  for (const group of await lockGroups(context.sql, request.source, wanted)) groups.set(group.keyHash, group);

  let left: readonly Decided[] = decided;
  // Another replica may insert an alert between our look and our write; then it is there to be locked, and we look again.
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt === 5) throw new Error('alerts appear and vanish while they are written');
    left = await takeReports(context, request, notification, left, groups);
  }
}

/** Returns what somebody else inserted at the same moment. */
async function takeReports(
  context: AlertContext,
  request: WebhookRequest,
  notification: Notification,
  decided: readonly Decided[],
  groups: ReadonlyMap<string, Group>,
): Promise<Decided[]> {
  const found = await lockByFingerprint(
    context.sql,
    request.source,
    decided.map(({ report }) => report.fingerprint),
  );
  const known = new Map(found.map((alert) => [alert.fingerprint, alert]));
  const writes: Outcome[] = [];
  const touched: Alert[] = [];
  const ends: Ended[] = [];
  for (const one of decided) {
    const before = known.get(one.report.fingerprint);
    // What a route drops is not kept; what was shown before it was dropped still ends.
    if (one.destinations.length === 0 && before?.phase !== 'firing') continue;
    const result = resultOf(context, request, notification, one, before, groups);
    if (result === undefined) continue;
    if ('touched' in result) touched.push(result.touched);
    else if ('end' in result) ends.push(result.end);
    else writes.push(result.outcome);
  }
  await touchAlerts(context.sql, touched);
  const written = await writeAlerts(context.sql, request.source, writes, context.now);
  const ended = await writeEnds(context.sql, ends, context.now);
  await show(context, notification, writes, [...written, ...ended], groups);
  if (written.length === writes.length) return [];
  const done = new Set(written.map((alert) => alert.fingerprint));
  const again = new Set(writes.map((write) => write.alert.fingerprint).filter((fingerprint) => !done.has(fingerprint)));
  return decided.filter(({ report }) => again.has(report.fingerprint));
}

async function show(
  context: AlertContext,
  notification: Notification,
  writes: readonly Outcome[],
  written: readonly Numbered[],
  groups: ReadonlyMap<string, Group>,
): Promise<void> {
  const outcomes = new Map(writes.map((write) => [write.alert.fingerprint, write]));
  const members: { group: number; alert: number }[] = [];
  const changed = new Map<number, { newcomers: number; ring: boolean }>();
  for (const alert of written) {
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
      if (joins || outcome?.change === 'ended') members.push({ group, alert: alert.id });
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
