import type { Sql, WebhookCall } from '#skill';
import { drawNumbers, isNamed, lockByFingerprint, type Alert, type Look } from './alert.ts';
import { settleLater, type Doubt } from './doubt.ts';
import { addMembers, lockGroups, lockGroupsById, type Group } from './groups.ts';
import type { AlertOptions } from './options.ts';
import { resultOf, type Outcome } from './outcome.ts';
import { aboutOf, readRequest, withoutCommonGroup, type Read } from './read.ts';
import { remindLater, showAlert, showGroup } from './show.ts';
import { tellUnreadable } from './unreadable.ts';
import { touchAlerts, writeAlerts } from './write-alerts.ts';
import { writeEnds, type Ended } from './write-ends.ts';

/**
 * Takes what Alertmanager sent: every alert in it is new, goes on, is over, or is a late repeat. Several notifications are
 * taken with the same statements, as far as none speaks of what another one speaks of.
 */
export async function takeNotifications(calls: readonly WebhookCall<AlertOptions>[]): Promise<void> {
  let together: Read[] = [];
  let about = new Set<string>();
  const take = async (): Promise<void> => {
    await takeTogether(together);
    together = [];
    about = new Set();
  };
  for (const call of calls) {
    const read = readRequest(call);
    const its = aboutOf(read);
    const [first = read] = together;
    const apart = first.request.source !== read.request.source || its.some((one) => about.has(one));
    if (apart) await take();
    for (const one of its) about.add(one);
    together.push(read);
  }
  await take();
}

/** What becomes of one notification's alerts. */
interface Taken {
  readonly read: Read;
  readonly writes: readonly Outcome[];
  readonly ends: readonly Ended[];
  readonly doubts: readonly Doubt[];
}

/** All of one source, and about different alerts and groups. */
async function takeTogether(reads: readonly Read[]): Promise<void> {
  const [first] = reads;
  if (!first) return;
  const { sql, now } = first.context;
  const { source } = first.request;
  const groups = new Map<string, Group>();
  for (const group of await lockGroups(
    sql,
    source,
    reads.flatMap((read) => read.groups),
  ))
    groups.set(group.keyHash, group);
  const asked = reads.flatMap(({ decided }) =>
    decided.map(({ report, destinations }) => ({
      fingerprint: report.fingerprint,
      firing: report.status === 'firing' && destinations.length > 0,
    })),
  );
  const looks = asked.length === 0 ? new Map<string, Look>() : await lockByFingerprint(sql, source, asked, now);
  for (const some of withoutCommonGroup(reads, looks, groups)) await takeLocked(some, looks, groups);
}

/** Their groups and alerts are locked, and no two of them change the same group. */
async function takeLocked(
  reads: readonly Read[],
  looks: ReadonlyMap<string, Look>,
  groups: Map<string, Group>,
): Promise<void> {
  const [first] = reads;
  if (!first) return;
  const { sql, now } = first.context;
  const { source } = first.request;
  const touched: Alert[] = [];
  const taken = reads.map((read) => take(read, looks, groups, touched));
  const numbers = await drawMissing(
    sql,
    taken.flatMap(({ writes }) => writes),
  );
  const numbered = taken.map((one) => ({
    ...one,
    writes: one.writes.map((write) => ({
      ...write,
      alert: { ...write.alert, number: numbers.get(write) ?? write.alert.number },
    })),
  }));
  const writes = numbered.flatMap((one) => one.writes);
  // Not awaited where nothing depends on it: each round trip costs as much as the rest of this.
  const writing = Promise.all([
    writeAlerts(sql, source, writes, now),
    touchAlerts(sql, touched),
    writeEnds(
      sql,
      numbered.flatMap((one) => one.ends),
      now,
    ),
  ]);
  writing.catch(() => {});
  const ids = writes.some(({ alert }) => alert.places.some((place) => place.group !== null))
    ? (await writing)[0]
    : new Map<string, number>();
  for (const one of numbered) await show(one, ids, groups);
}

function take(
  read: Read,
  looks: ReadonlyMap<string, Look>,
  groups: ReadonlyMap<string, Group>,
  touched: Alert[],
): Taken {
  const writes: Outcome[] = [];
  const ends: Ended[] = [];
  const doubts: Doubt[] = [];
  for (const one of read.decided) {
    const look = looks.get(one.report.fingerprint);
    // What a route drops is not kept; what was shown before it was dropped still ends.
    if (!look || (one.destinations.length === 0 && look.before?.phase !== 'firing')) continue;
    const result = resultOf(read.context, read.request.source, read.accepted, read.notification, one, look, groups);
    if (result === undefined) continue;
    if ('touched' in result) {
      touched.push(result.touched);
      if (result.doubted) doubts.push({ alert: result.touched, end: result.doubted });
    } else if ('end' in result) ends.push(result.end);
    else writes.push(result.outcome);
  }
  return { read, writes, ends, doubts };
}

/** Those that are new to people again get a number too. */
async function drawMissing(sql: Sql, writes: readonly Outcome[]): Promise<ReadonlyMap<Outcome, number>> {
  const missing = writes.filter(({ alert, opens }) => opens && alert.number === null);
  const numbers = missing.length === 0 ? [] : await drawNumbers(sql, missing.length);
  return new Map(
    numbers.flatMap((number, nth) => {
      const write = missing[nth];
      return write ? [[write, number] as const] : [];
    }),
  );
}

/** @param ids of those that are written just now. @param groups those that are locked, as they are; kept so. */
async function show(
  { read: { context, request, notification }, writes, ends, doubts }: Taken,
  ids: ReadonlyMap<string, number>,
  groups: Map<string, Group>,
): Promise<void> {
  if (notification.problems.length > 0 || notification.leftOut > 0)
    await tellUnreadable(context, request.source, notification);
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
  const opened = writes.flatMap(({ alert, doubted }) => (doubted ? [{ alert, end: doubted }] : []));
  await settleLater(context, [...doubts, ...opened]);
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
    if (!group) continue;
    const next = await showGroup(context, group, { ...change, truncated: notification.truncated });
    if (groups.has(group.keyHash)) groups.set(group.keyHash, next);
  }
}
