import { CommandError } from '#skill';
import { findOldNumber, listOpen, lockByNumber, type Numbered } from './alert.ts';
import { groupsShowing, lockGroupsById, type Group } from './groups.ts';
import { showAlert, showGroup, type AlertContext, type Change } from './show.ts';

/** Alerts that a command or timer is about, with the groups that show them; all locked, groups first. */
export interface Locked {
  readonly alerts: readonly Numbered[];
  readonly groups: readonly Group[];
}

export async function lockNumbers(context: AlertContext, numbers: readonly number[]): Promise<Locked> {
  const groups = await lockGroupsById(context.sql, await groupsShowing(context.sql, numbers));
  return { groups, alerts: await lockByNumber(context.sql, numbers) };
}

/** Shows changed alerts wherever they stand, alone and in groups. */
export async function showChanged(
  context: AlertContext,
  alerts: readonly Numbered[],
  groups: readonly Group[],
  change: Change,
): Promise<void> {
  for (const alert of alerts) await showAlert(context, alert, change);
  const standing = new Set(alerts.flatMap((alert) => alert.places.map((place) => place.group)));
  for (const group of groups) if (standing.has(group.id)) await showGroup(context, group, { ...change, newcomers: 0 });
}

/** What the message is about that was answered or tapped: `alert:12` and `group:5`, with anything behind a second colon. */
export function parseAbout(
  about: string | undefined,
): { readonly alert: number } | { readonly group: number } | undefined {
  const match = /^(alert|group):(\d{1,9})(?::|$)/.exec(about ?? '');
  if (!match) return undefined;
  return match[1] === 'alert' ? { alert: Number(match[2]) } : { group: Number(match[2]) };
}

/** The numbers of a group's firing alerts. */
export async function numbersInGroup(context: AlertContext, group: number): Promise<number[]> {
  const rows = await context.sql<{ number: number }>(
    `select a.number from alerts a join alert_group_members m on m.alert_id = a.id where m.group_id = $1 and a.phase = 'firing' order by a.number`,
    [group],
  );
  return rows.map((row) => row.number);
}

/** The number a person types, as it is used here. @throws {CommandError} for one that there cannot be. */
export function numbersOf(ids: readonly string[]): number[] {
  return ids.map((id) => {
    const number = Number(id);
    if (Number.isInteger(number) && number > 0 && number < 2 ** 31) return number;
    throw new CommandError(`There is no alert #${id}. \`alerts\` lists what is open.`);
  });
}

/** Why a number that was asked for is not there. */
export async function missing(context: AlertContext, number: number): Promise<string> {
  const old = await findOldNumber(context.sql, number);
  if (old?.phase === 'firing' && old.number !== null) return `#${number} is over; it came back as #${old.number}.`;
  if (old) return `#${number} is over.`;
  return `There is no alert #${number}. \`alerts\` lists what is open.`;
}

/** Open alerts shown where the command was said; in a direct message, all. */
export function openHere(
  context: AlertContext,
  room: { readonly name: string | undefined; readonly direct: boolean },
): Promise<Numbered[]> {
  return listOpen(context.sql, room.direct ? undefined : room.name);
}
