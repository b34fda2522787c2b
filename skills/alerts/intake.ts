import type { Sql, WebhookCall } from '#skill';
import { drawNumbers, isNumbered, lockByFingerprint, type Alert, type KnownAlert } from './alert.ts';
import { scheduleReminders, showAlert, showGroup } from './display.ts';
import { addMembers, lockGroups, lockGroupsById, type Group } from './groups.ts';
import type { AlertOptions } from './options.ts';
import { reportRejectedAlerts } from './rejected-alerts.ts';
import { applyReport, type ReportUpdate } from './report-result.ts';
import { lockKeysOf, routeNotification, splitAtSharedGroups, type RoutedNotification } from './routed-notification.ts';
import { scheduleConfirmations, type UnconfirmedResolve } from './unconfirmed-resolve.ts';
import { touchAlerts, writeAlerts } from './write-alerts.ts';
import { writeEnds, type AlertEnd } from './write-ends.ts';

/**
 * Handles notifications of Alertmanager: each alert in them is new, continues, ends, or is a late repeat. Notifications that
 * have no alert and no group in common are handled as one batch, with the same statements.
 */
export async function handleNotifications(calls: readonly WebhookCall<AlertOptions>[]): Promise<void> {
  let batch: RoutedNotification[] = [];
  let locked = new Set<string>();
  for (const call of calls) {
    const routed = routeNotification(call);
    const keys = lockKeysOf(routed);
    const [first = routed] = batch;
    if (first.request.source !== routed.request.source || keys.some((key) => locked.has(key))) {
      await handleBatch(batch);
      batch = [];
      locked = new Set();
    }
    for (const key of keys) locked.add(key);
    batch.push(routed);
  }
  await handleBatch(batch);
}

/** Locks the groups and alerts of a batch: all of one source, and about different alerts and groups. */
async function handleBatch(batch: readonly RoutedNotification[]): Promise<void> {
  const [first] = batch;
  if (!first) return;
  const { sql, now } = first.context;
  const { source } = first.request;
  const wanted = batch.flatMap((routed) => routed.groups);
  const locked = await lockGroups(sql, source, wanted);
  const groups = new Map(locked.map((group) => [group.keyHash, group]));
  const fingerprints = batch.flatMap(({ reports }) =>
    reports.map(({ report, destinations }) => ({
      fingerprint: report.fingerprint,
      firing: report.status === 'firing' && destinations.length > 0,
    })),
  );
  const known =
    fingerprints.length === 0 ? new Map<string, KnownAlert>() : await lockByFingerprint(sql, source, fingerprints, now);
  for (const part of splitAtSharedGroups(batch, known, groups)) await writeAndShow(part, known, groups);
}

/** What to write for one notification's alerts. */
interface AppliedNotification {
  readonly routed: RoutedNotification;
  readonly updates: readonly ReportUpdate[];
  readonly ends: readonly AlertEnd[];
  readonly unconfirmed: readonly UnconfirmedResolve[];
}

/** The groups and alerts of the notifications are locked, and no two of them change the same group. */
async function writeAndShow(
  part: readonly RoutedNotification[],
  known: ReadonlyMap<string, KnownAlert>,
  groups: Map<string, Group>,
): Promise<void> {
  const [first] = part;
  if (!first) return;
  const { sql, now } = first.context;
  const { source } = first.request;
  const touched: Alert[] = [];
  const applied = part.map((routed) => applyNotification(routed, known, groups, touched));
  const numbers = await drawMissing(
    sql,
    applied.flatMap(({ updates }) => updates),
  );
  const numbered = applied.map((one) => ({
    ...one,
    updates: one.updates.map((update) => ({
      ...update,
      alert: { ...update.alert, number: numbers.get(update) ?? update.alert.number },
    })),
  }));
  const updates = numbered.flatMap((one) => one.updates);
  // Not awaited where nothing depends on it: each round trip costs as much as the rest of this.
  const writing = Promise.all([
    writeAlerts(sql, source, updates, now),
    touchAlerts(sql, touched),
    writeEnds(
      sql,
      numbered.flatMap((one) => one.ends),
      now,
    ),
  ]);
  writing.catch(() => {});
  const ids = updates.some(({ alert }) => alert.places.some((place) => place.group !== null))
    ? (await writing)[0]
    : new Map<string, number>();
  for (const one of numbered) await show(one, ids, groups);
}

/** Collects in `touched` the alerts of which only the times of the last reports change. */
function applyNotification(
  routed: RoutedNotification,
  known: ReadonlyMap<string, KnownAlert>,
  groups: ReadonlyMap<string, Group>,
  touched: Alert[],
): AppliedNotification {
  const updates: ReportUpdate[] = [];
  const ends: AlertEnd[] = [];
  const unconfirmed: UnconfirmedResolve[] = [];
  const { context, request, accepted, notification } = routed;
  for (const routedReport of routed.reports) {
    const alert = known.get(routedReport.report.fingerprint);
    // Alerts that a route drops are not stored; one that was shown before its route began to drop it still ends.
    if (!alert || (routedReport.destinations.length === 0 && alert.before?.phase !== 'firing')) continue;
    const result = applyReport(context, request.source, accepted, notification, routedReport, alert, groups);
    if (result === undefined) continue;
    if ('touched' in result) {
      touched.push(result.touched);
      if (result.unconfirmed) unconfirmed.push({ alert: result.touched, end: result.unconfirmed });
    } else if ('end' in result) ends.push(result.end);
    else updates.push(result.update);
  }
  return { routed, updates, ends, unconfirmed };
}

/** Draws numbers for episodes that need a new one, after a day. */
async function drawMissing(sql: Sql, updates: readonly ReportUpdate[]): Promise<ReadonlyMap<ReportUpdate, number>> {
  const missing = updates.filter(({ alert, opens }) => opens && alert.number === null);
  const numbers = missing.length === 0 ? [] : await drawNumbers(sql, missing.length);
  return new Map(
    numbers.flatMap((number, nth) => {
      const update = missing[nth];
      return update ? [[update, number] as const] : [];
    }),
  );
}

/** @param ids of alerts that were just written. @param groups the locked ones, by key hash; updated here. */
async function show(
  { routed: { context, request, notification }, updates, ends, unconfirmed }: AppliedNotification,
  ids: ReadonlyMap<string, number>,
  groups: Map<string, Group>,
): Promise<void> {
  if (notification.problems.length > 0 || notification.leftOut > 0)
    await reportRejectedAlerts(context, request.source, notification);
  const updateOf = new Map(updates.map((update) => [update.alert.fingerprint, update]));
  const members: { group: number; alert: number }[] = [];
  const changed = new Map<number, { newcomers: number; ring: boolean }>();
  for (const { alert } of [...updates, ...ends]) {
    if (!isNumbered(alert)) continue;
    const update = updateOf.get(alert.fingerprint);
    if (update?.change === 'resolvedUnheard') continue;
    const begins = update?.change === 'new' || update?.change === 'reopened';
    const worse = (update?.worse ?? false) && alert.ack !== null;
    const added = update?.added ?? [];
    await showAlert(context, alert, { ring: begins || worse });
    await scheduleReminders(
      context,
      { alert: alert.number },
      added.filter((place) => place.show === 'alert').map((place) => place.policy),
    );
    for (const { group } of alert.places) {
      if (group === null) continue;
      const joins = begins || added.some((place) => place.group === group);
      const id = alert.id ?? ids.get(alert.fingerprint);
      if (id !== undefined && (joins || update?.change === 'ended')) members.push({ group, alert: id });
      const before = changed.get(group) ?? { newcomers: 0, ring: false };
      changed.set(group, { newcomers: before.newcomers + (joins ? 1 : 0), ring: before.ring || worse });
    }
  }
  const opened = updates.flatMap(({ alert, unconfirmed: end }) => (end ? [{ alert, end }] : []));
  await scheduleConfirmations(context, [...unconfirmed, ...opened]);
  await addMembers(context.sql, members);
  const locked = new Map([...groups.values()].map((group) => [group.id, group]));
  // An alert may also be in a group of another receiver; those are few, and a deadlock with them is rerun.
  for (const group of await lockGroupsById(
    context.sql,
    [...changed.keys()].filter((id) => !locked.has(id)),
  ))
    locked.set(group.id, group);
  for (const [id, change] of [...changed].sort(([a], [b]) => a - b)) {
    const group = locked.get(id);
    if (!group) continue;
    const next = await showGroup(context, group, { ...change, truncated: notification.truncated });
    if (groups.has(group.keyHash)) groups.set(group.keyHash, next);
  }
}
