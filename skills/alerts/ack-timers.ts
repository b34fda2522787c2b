import { escape, formatDuration, formatTime, z, type TimerFired } from '#skill';
import { lockByGroup, type Numbered } from './alert.ts';
import { lockGroupsById } from './groups.ts';
import { lockNumbers, showChanged, type Locked } from './lock.ts';
import { alertKey, showGroup, showAlert, unitKey, type AlertContext, type Unit } from './show.ts';
import { byRoom, mentionsIn, type ShownThere } from './threads.ts';
import { count, oneLine } from './text.ts';
import { writeAcks } from './write-acks.ts';

/** How long the owner has to answer "still on it?" before it is open again. */
export const ANSWER_MS = 15 * 60_000;

export const unit = z.union([z.object({ alert: z.int() }), z.object({ group: z.int() })]);
export const reminder = z.union([
  z.object({ alert: z.int(), policy: z.string() }),
  z.object({ group: z.int(), policy: z.string() }),
]);

/** Wakes us when an acknowledgement ends. Those of a group are watched together, when the group is shown. */
export async function watchAcks(context: AlertContext, alerts: readonly Numbered[]): Promise<void> {
  for (const { ack, number, places } of alerts) {
    const own = places.some((place) => place.show === 'alert');
    if (own && ack?.until)
      await context.at(`${alertKey(number)}:ack`, new Date(ack.until), 'ackExpires', { alert: number });
  }
}

/** The alerts that a timer is about, locked as they are now, whatever they were when it was set. */
async function lockUnit(context: AlertContext, about: Unit): Promise<Locked> {
  if ('alert' in about) return lockNumbers(context, [about.alert]);
  const groups = await lockGroupsById(context.sql, [about.group]);
  return { groups, alerts: await lockByGroup(context.sql, about.group) };
}

/** `(25 min late: I was away)` after downtime, else empty. */
function lateness(lateMs: number): string {
  return lateMs > 60_000 ? ` (${formatDuration(lateMs)} late: I was away)` : '';
}

/** Nobody has it yet: says so again, and sets the next reminder. */
export async function remind(
  context: AlertContext,
  { payload, lateMs }: TimerFired<z.output<typeof reminder>>,
): Promise<void> {
  const { policy } = payload;
  if (context.options.policies[policy]?.remindEvery === undefined) return;
  const { alerts, groups } = await lockUnit(context, payload);
  const waiting = alerts.filter((alert) => alert.phase === 'firing' && alert.ack === null);
  const [first] = waiting;
  if (!first) return;
  const since = Math.min(...waiting.map((alert) => alert.startedAt.getTime()));
  const note = `**reminder**: nobody has ${waiting.length === 1 ? 'it' : `${waiting.length} of these`} after ${formatDuration(context.now.getTime() - since)}${lateness(lateMs)}`;
  if ('alert' in payload) return showAlert(context, first, { ring: true, note, policy });
  const [group] = groups;
  if (group) await showGroup(context, group, { ring: true, note, newcomers: 0 });
}

/** An acknowledgement has come to its end: asks its owner. */
export async function ackExpires(context: AlertContext, { payload, lateMs }: TimerFired<Unit>): Promise<void> {
  const { alerts } = await lockUnit(context, payload);
  const held = alerts.filter((alert) => alert.phase === 'firing' && alert.ack?.until && alert.ack.askedAt === null);
  const end = (alert: Numbered): number => new Date(alert.ack?.until ?? 0).getTime();
  const due = held.filter((alert) => end(alert) <= context.now.getTime());
  const later = held.filter((alert) => end(alert) > context.now.getTime()).map(end);
  if (later.length > 0)
    await context.at(`${unitKey(payload)}:ack`, new Date(Math.min(...later)), 'ackExpires', payload);
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
  await openWhenSilent(context, payload, [...alerts.filter((alert) => !due.includes(alert)), ...asked]);
}

/** One timer for all of them: for the one that was asked about first. */
async function openWhenSilent(context: AlertContext, about: Unit, alerts: readonly Numbered[]): Promise<void> {
  const asked = alerts.flatMap(({ phase, ack }) =>
    phase === 'firing' && ack?.askedAt ? [new Date(ack.askedAt).getTime()] : [],
  );
  if (asked.length > 0)
    await context.at(`${unitKey(about)}:open`, new Date(Math.min(...asked) + ANSWER_MS), 'openAgain', about);
}

/** In one question: a command takes no more than a hundred, and a line should be read. */
const ASKED_AT_ONCE = 50;

async function ask(context: AlertContext, alerts: readonly Numbered[], openAt: Date, late: string): Promise<void> {
  for (const [room, there] of byRoom(context, alerts)) {
    const inOrder = there.alerts.toSorted((a, b) => a.number - b.number);
    for (let from = 0; from < inOrder.length; from += ASKED_AT_ONCE)
      await askOf(context, room, { ...there, alerts: inOrder.slice(from, from + ASKED_AT_ONCE) }, openAt, late);
  }
}

async function askOf(
  context: AlertContext,
  room: string,
  { alerts, keys }: ShownThere,
  openAt: Date,
  late: string,
): Promise<void> {
  const ids = alerts.map((alert) => alert.number);
  const owners = [...new Map(alerts.flatMap(({ ack }) => (ack ? [[ack.owner.key, ack.owner] as const] : []))).values()];
  const names = owners.map((owner) => escape(oneLine(owner.name, 60))).join(', ');
  const what = alerts.length === 1 ? `#${ids[0]}` : count(alerts.length, 'alert');
  const text = `${names}, still on it? Say \`ack ${ids.join(' ')}\`; else ${what} ${alerts.length === 1 ? 'is' : 'are'} open again at ${formatTime(openAt, context.timeZone, context.now)}.${late}`;
  const actions = [{ label: 'Still on it', emoji: '👀', command: `ack ${ids.join(' ')}` }];
  for (const address of context.rooms.byName(room)?.addresses ?? []) {
    const message = { text, actions, mentions: mentionsIn(context, address, owners) };
    for (const key of keys) await context.say(address, message, { ring: true, queue: 'page', inThreadOf: key });
  }
}

/** Nobody answered "still on it?": it is open again, and rings. */
export async function openAgain(context: AlertContext, { payload, lateMs }: TimerFired<Unit>): Promise<void> {
  const { alerts, groups } = await lockUnit(context, payload);
  const limit = context.now.getTime() - ANSWER_MS;
  const silent = alerts.filter(
    (alert) => alert.phase === 'firing' && alert.ack?.askedAt && new Date(alert.ack.askedAt).getTime() <= limit,
  );
  await openWhenSilent(
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
    note: `**open again**: ${names} did not say that they are still on it${lateness(lateMs)}`,
  });
}
