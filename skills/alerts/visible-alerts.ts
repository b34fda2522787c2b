import type { CommandArgs, CommandContext } from '#skill';
import type { AlertReply } from './alert-reply.ts';
import { findByOldNumber, listOpen, type StoredAlert } from './alert.ts';
import { parseKey } from './display.ts';
import { lockAlerts, type LockedAlerts } from './locked-alerts.ts';
import type { AlertOptions } from './options.ts';
import { threadsOf } from './threads.ts';

export type AlertCommandContext = CommandContext<AlertOptions, CommandArgs>;

/**
 * Filters alerts to those that this person may name in this room: those that the room shows; in a direct message, those of
 * rooms in which the person may say the same `command`. Other alerts are answered as if they did not exist. Every command
 * about alerts uses this.
 */
export async function visibleAlerts(
  context: AlertCommandContext,
  command: string,
  alerts: readonly StoredAlert[],
): Promise<StoredAlert[]> {
  const rooms = await visibleRooms(context, command);
  const visible: StoredAlert[] = [];
  for (const alert of alerts) {
    const threads = threadsOf(context, [alert]);
    if (threads.some(({ room }) => rooms.has(room)) || (await isFailoverOf(context, threads))) visible.push(alert);
  }
  return visible;
}

async function visibleRooms(context: AlertCommandContext, command: string): Promise<ReadonlySet<string>> {
  const { room, sender } = context;
  const names = new Set(room.name === undefined ? [] : [room.name]);
  if (!room.direct || sender.person === undefined) return names;
  for (const { name, addresses } of context.rooms.all()) {
    const [address] = addresses;
    if (address && (await context.can(sender, command, address))) names.add(name);
  }
  return names;
}

/** Whether this room is the failover of a room in which one of the messages could not be posted. */
async function isFailoverOf(context: AlertCommandContext, threads: ReturnType<typeof threadsOf>): Promise<boolean> {
  for (const { room, key } of threads) {
    const { failover, addresses = [] } = context.rooms.byName(room) ?? {};
    if (failover === undefined || failover !== context.room.name) continue;
    for (const address of addresses) if ((await context.shown(address, key))?.state === 'dead') return true;
  }
  return false;
}

/** Open alerts that are visible here, worst first. */
export async function openAlertsHere(context: AlertCommandContext, command: string): Promise<StoredAlert[]> {
  const rooms = await visibleRooms(context, command);
  const configured = context.rooms.all().map((room) => room.name);
  return visibleAlerts(context, command, await listOpen(context.sql, [...rooms], configured));
}

/** Locks the alerts that are visible here; `missing` has a reply for each of the other numbers. */
export async function lockVisibleAlerts(
  context: AlertCommandContext,
  command: string,
  numbers: readonly number[],
): Promise<LockedAlerts & { readonly missing: readonly AlertReply[] }> {
  const { alerts, groups } = await lockAlerts(context, numbers);
  const visible = await visibleAlerts(context, command, alerts);
  const found = new Set(visible.map((alert) => alert.number));
  const others = numbers.filter((number) => !found.has(number));
  return { alerts: visible, groups, missing: await explainMissing(context, command, others) };
}

const noneHere = (numbers: string): string => `There are no alerts ${numbers} here. \`alerts\` lists the open ones.`;
const allEnded = (numbers: string): string => `${numbers} have ended.`;

/** A reply for each number that is not visible here: it has another number now, or does not exist here. */
export async function explainMissing(
  context: AlertCommandContext,
  command: string,
  numbers: readonly number[],
): Promise<AlertReply[]> {
  if (numbers.length === 0) return [];
  const renumbered = await findByOldNumber(context.sql, numbers);
  const visible = new Set((await visibleAlerts(context, command, renumbered)).map((alert) => alert.id));
  const current = new Map(renumbered.map(({ asked, ...alert }) => [asked, alert]));
  return numbers.map((number) => {
    const alert = current.get(number);
    if (!alert || !visible.has(alert.id))
      return {
        number,
        text: `There is no alert #${number} here. \`alerts\` lists the open ones.`,
        textForMany: noneHere,
      };
    const again = alert.phase === 'firing' ? `; it fired again as #${alert.number}` : '';
    return { number, text: `#${number} has ended${again}.`, textForMany: allEnded };
  });
}

/** The numbers that were typed, else those of the message that was replied to or tapped; undefined: neither. */
export async function requestedNumbers(context: AlertCommandContext): Promise<readonly number[] | undefined> {
  const { ids } = context.args as { ids?: readonly string[] };
  if (ids) return ids.map(Number);
  const subject = parseKey(context.about);
  if (!subject) return undefined;
  return 'alert' in subject ? [subject.alert] : firingNumbersOf(context, subject.group);
}

async function firingNumbersOf(context: AlertCommandContext, group: number): Promise<number[]> {
  const rows = await context.sql<{ number: number }>(
    `select a.number from alerts a join alert_group_members m on m.alert_id = a.id where m.group_id = $1 and a.phase = 'firing' order by a.number`,
    [group],
  );
  return rows.map((row) => row.number);
}
