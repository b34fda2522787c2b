import { lockByNumber, type Numbered } from './alert.ts';
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
