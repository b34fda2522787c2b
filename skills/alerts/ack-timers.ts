import { escape, formatDuration, formatTime, z, type TimerFired } from '#skill';
import { lockByGroup, type StoredAlert } from './alert.ts';
import { alertKey, showChanged, showGroup, showAlert, keyOf, type AlertContext, type AlertOrGroup } from './display.ts';
import { lockGroupsById } from './groups.ts';
import { lockAlerts, type LockedAlerts } from './locked-alerts.ts';
import { count, oneLine } from './text.ts';
import { alertsByRoom, mentionsIn, type RoomAlerts } from './threads.ts';
import { writeAcks } from './write-acks.ts';

/** How long the owner has to answer "still on it?" before the alert is open again. */
const ANSWER_MS = 15 * 60_000;

export const alertOrGroup = z.union([z.object({ alert: z.int() }), z.object({ group: z.int() })]);
export const reminder = z.union([
  z.object({ alert: z.int(), policy: z.string() }),
  z.object({ group: z.int(), policy: z.string() }),
]);

/** Sets timers for the ends of acknowledgements. Alerts of a group share one, which is set when the group is shown. */
export async function scheduleAckExpiry(context: AlertContext, alerts: readonly StoredAlert[]): Promise<void> {
  for (const { ack, number, places } of alerts) {
    const own = places.some((place) => place.show === 'alert');
    if (own && ack?.until)
      await context.at(`${alertKey(number)}:ack`, new Date(ack.until), 'ackExpires', { alert: number });
  }
}

/** Locks the alerts that a timer is about, in their current state. */
async function lockAlertOrGroup(context: AlertContext, subject: AlertOrGroup): Promise<LockedAlerts> {
  if ('alert' in subject) return lockAlerts(context, [subject.alert]);
  const groups = await lockGroupsById(context.sql, [subject.group]);
  return { groups, alerts: await lockByGroup(context.sql, subject.group) };
}

/** ` (25 min late: I was offline)` after downtime, else empty. */
function lateness(lateMs: number): string {
  return lateMs > 60_000 ? ` (${formatDuration(lateMs)} late: I was offline)` : '';
}

/** Rings again while alerts are not acknowledged, which sets the next reminder. */
export async function remind(
  context: AlertContext,
  { payload, lateMs }: TimerFired<z.output<typeof reminder>>,
): Promise<void> {
  const { policy } = payload;
  if (context.options.policies[policy]?.remindEvery === undefined) return;
  const { alerts, groups } = await lockAlertOrGroup(context, payload);
  const unacked = alerts.filter((alert) => alert.phase === 'firing' && alert.ack === null);
  const [first] = unacked;
  if (!first) return;
  const since = Math.min(...unacked.map((alert) => alert.startedAt.getTime()));
  const which = unacked.length === 1 ? '' : `${unacked.length} `;
  const note = `**reminder**: ${which}not acknowledged after ${formatDuration(context.now.getTime() - since)}${lateness(lateMs)}`;
  if ('alert' in payload) return showAlert(context, first, { ring: true, note, policy });
  const [group] = groups;
  if (group) await showGroup(context, group, { ring: true, note, newcomers: 0 });
}

/** Asks the owner of an acknowledgement that ended: still on it? */
export async function ackExpires(context: AlertContext, { payload, lateMs }: TimerFired<AlertOrGroup>): Promise<void> {
  const { alerts } = await lockAlertOrGroup(context, payload);
  const held = alerts.filter((alert) => alert.phase === 'firing' && alert.ack?.until && alert.ack.askedAt === null);
  const end = (alert: StoredAlert): number => new Date(alert.ack?.until ?? 0).getTime();
  const due = held.filter((alert) => end(alert) <= context.now.getTime());
  const later = held.filter((alert) => end(alert) > context.now.getTime()).map(end);
  if (later.length > 0) await context.at(`${keyOf(payload)}:ack`, new Date(Math.min(...later)), 'ackExpires', payload);
  if (due.length === 0) return;
  const askedAt = context.now.toISOString();
  const openAt = new Date(context.now.getTime() + ANSWER_MS);
  const changes = due.map((alert) => ({
    alert,
    ack: alert.ack && { ...alert.ack, askedAt },
    what: 'asked',
    who: alert.ack?.owner.name ?? null,
    detail: null,
  }));
  const asked = await writeAcks(context.sql, changes, context.now);
  await ask(context, asked, openAt, lateness(lateMs));
  await scheduleOpenAgain(context, payload, [...alerts.filter((alert) => !due.includes(alert)), ...asked]);
}

/** Sets one timer for all of them, for the earliest question. */
async function scheduleOpenAgain(
  context: AlertContext,
  subject: AlertOrGroup,
  alerts: readonly StoredAlert[],
): Promise<void> {
  const asked = alerts.flatMap(({ phase, ack }) =>
    phase === 'firing' && ack?.askedAt ? [new Date(ack.askedAt).getTime()] : [],
  );
  if (asked.length > 0)
    await context.at(`${keyOf(subject)}:open`, new Date(Math.min(...asked) + ANSWER_MS), 'openAgain', subject);
}

/** Alerts in one question: a command takes at most a hundred numbers, and the line should be readable. */
const MAX_ASKED = 50;

async function ask(context: AlertContext, alerts: readonly StoredAlert[], openAt: Date, late: string): Promise<void> {
  for (const [room, inRoom] of alertsByRoom(context, alerts)) {
    const inOrder = inRoom.alerts.toSorted((a, b) => a.number - b.number);
    for (let from = 0; from < inOrder.length; from += MAX_ASKED)
      await askOf(context, room, { ...inRoom, alerts: inOrder.slice(from, from + MAX_ASKED) }, openAt, late);
  }
}

async function askOf(
  context: AlertContext,
  room: string,
  { alerts, keys }: RoomAlerts,
  openAt: Date,
  late: string,
): Promise<void> {
  const ids = alerts.map((alert) => alert.number);
  const owners = [...new Map(alerts.flatMap(({ ack }) => (ack ? [[ack.owner.key, ack.owner] as const] : []))).values()];
  const names = owners.map((owner) => escape(oneLine(owner.name, 60))).join(', ');
  const what = alerts.length === 1 ? `#${ids[0]}` : count(alerts.length, 'alert');
  const text = `${names}, still on it? Say \`ack ${ids.join(' ')}\`; otherwise ${what} ${alerts.length === 1 ? 'is' : 'are'} open again at ${formatTime(openAt, context.timeZone, context.now)}.${late}`;
  const actions = [{ label: 'Still on it', emoji: '👀', command: `ack ${ids.join(' ')}` }];
  for (const address of context.rooms.byName(room)?.addresses ?? []) {
    const message = { text, actions, mentions: mentionsIn(context, address, owners) };
    for (const key of keys) await context.say(address, message, { ring: true, queue: 'page', inThreadOf: key });
  }
}

/** Opens alerts again whose owners did not answer "still on it?", and rings. */
export async function openAgain(context: AlertContext, { payload, lateMs }: TimerFired<AlertOrGroup>): Promise<void> {
  const { alerts, groups } = await lockAlertOrGroup(context, payload);
  const limit = context.now.getTime() - ANSWER_MS;
  const silent = alerts.filter(
    (alert) => alert.phase === 'firing' && alert.ack?.askedAt && new Date(alert.ack.askedAt).getTime() <= limit,
  );
  await scheduleOpenAgain(
    context,
    payload,
    alerts.filter((alert) => !silent.includes(alert)),
  );
  if (silent.length === 0) return;
  const names = [...new Set(silent.map((alert) => alert.ack?.owner.name ?? ''))]
    .map((name) => escape(oneLine(name, 60)))
    .join(', ');
  const changes = silent.map((alert) => ({
    alert,
    ack: null,
    what: 'ackExpired',
    who: alert.ack?.owner.name ?? null,
    detail: null,
  }));
  const opened = await writeAcks(context.sql, changes, context.now);
  await showChanged(context, opened, groups, {
    ring: true,
    note: `**open again**: no answer from ${names}${lateness(lateMs)}`,
  });
}
