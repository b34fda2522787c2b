import type { CommandArgs, CommandContext } from '#skill';
import { findByOldNumber, listOpen, type Numbered } from './alert.ts';
import { lockNumbers, parseAbout, type Locked } from './lock.ts';
import type { AlertOptions } from './options.ts';
import { threadsOf } from './threads.ts';
import type { About } from './text.ts';

export type Asked = CommandContext<AlertOptions, CommandArgs>;

/**
 * Those of the alerts that this person may speak of where they are, whichever way they name them: what this room shows;
 * alone with the bot, what a room shows in which they may say the same `command`. For everything else the answer is as if
 * it did not exist. Every command about alerts goes by this.
 */
export async function thoseHere(context: Asked, command: string, alerts: readonly Numbered[]): Promise<Numbered[]> {
  const rooms = await roomsHere(context, command);
  const here: Numbered[] = [];
  for (const alert of alerts) {
    const shown = threadsOf(context, [alert]);
    if (shown.some(({ room }) => rooms.has(room)) || (await isCarriedHere(context, shown))) here.push(alert);
  }
  return here;
}

async function roomsHere(context: Asked, command: string): Promise<ReadonlySet<string>> {
  const { room, sender } = context;
  const names = new Set(room.name === undefined ? [] : [room.name]);
  if (!room.direct || sender.person === undefined) return names;
  for (const { name, addresses } of context.rooms.all()) {
    const [address] = addresses;
    if (address && (await context.can(sender, command, address))) names.add(name);
  }
  return names;
}

/** This room stands in for one that could not be shown it. */
async function isCarriedHere(context: Asked, shown: ReturnType<typeof threadsOf>): Promise<boolean> {
  for (const { room, key } of shown) {
    const { failover, addresses = [] } = context.rooms.byName(room) ?? {};
    if (failover === undefined || failover !== context.room.name) continue;
    for (const address of addresses) if ((await context.shown(address, key))?.state === 'dead') return true;
  }
  return false;
}

/** What is open here, worst first. */
export async function openHere(context: Asked, command: string): Promise<Numbered[]> {
  const rooms = await roomsHere(context, command);
  const configured = context.rooms.all().map((room) => room.name);
  return thoseHere(context, command, await listOpen(context.sql, [...rooms], configured));
}

/** Locks those of the numbers that are here, and says of each other one that it is not. */
export async function lockHere(
  context: Asked,
  command: string,
  numbers: readonly number[],
): Promise<Locked & { readonly missing: readonly About[] }> {
  const { alerts, groups } = await lockNumbers(context, numbers);
  const here = await thoseHere(context, command, alerts);
  const found = new Set(here.map((alert) => alert.number));
  const others = numbers.filter((number) => !found.has(number));
  return { alerts: here, groups, missing: await missingHere(context, command, others) };
}

const noneHere = (numbers: string): string => `There is no alert ${numbers} here. \`alerts\` lists what is open.`;
const allOver = (numbers: string): string => `${numbers} are over.`;

/** Why numbers that were asked for are not here. */
export async function missingHere(context: Asked, command: string, numbers: readonly number[]): Promise<About[]> {
  if (numbers.length === 0) return [];
  const were = await findByOldNumber(context.sql, numbers);
  const here = new Set((await thoseHere(context, command, were)).map((alert) => alert.id));
  const now = new Map(were.map(({ asked, ...alert }) => [asked, alert]));
  return numbers.map((number) => {
    const alert = now.get(number);
    if (!alert || !here.has(alert.id)) return { number, says: noneHere(`#${number}`), ofMany: noneHere };
    const back = alert.phase === 'firing' ? `; it came back as #${alert.number}` : '';
    return { number, says: `#${number} is over${back}.`, ofMany: allOver };
  });
}

/** The numbers that were typed; else those of the message that was answered or tapped; undefined: neither. */
export async function numbersAsked(context: Asked): Promise<readonly number[] | undefined> {
  const { ids } = context.args as { ids?: readonly string[] };
  if (ids) return ids.map(Number);
  const about = parseAbout(context.about);
  if (!about) return undefined;
  return 'alert' in about ? [about.alert] : numbersInGroup(context, about.group);
}

/** The numbers of a group's firing alerts. */
async function numbersInGroup(context: Asked, group: number): Promise<number[]> {
  const rows = await context.sql<{ number: number }>(
    `select a.number from alerts a join alert_group_members m on m.alert_id = a.id where m.group_id = $1 and a.phase = 'firing' order by a.number`,
    [group],
  );
  return rows.map((row) => row.number);
}
