import { lockByNumber, type StoredAlert } from './alert.ts';
import type { AlertContext } from './display.ts';
import { groupsShowing, lockGroupsById, type Group } from './groups.ts';

/** Alerts that a command or timer is about, with the groups that show them. All are locked, groups first. */
export interface LockedAlerts {
  readonly alerts: readonly StoredAlert[];
  readonly groups: readonly Group[];
}

export async function lockAlerts(context: AlertContext, numbers: readonly number[]): Promise<LockedAlerts> {
  const groups = await lockGroupsById(context.sql, await groupsShowing(context.sql, numbers));
  return { groups, alerts: await lockByNumber(context.sql, numbers) };
}
