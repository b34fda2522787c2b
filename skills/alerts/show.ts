import type { Context, PostOptions } from '#skill';
import type { Alert, Named, Place } from './alert.ts';
import { groupMessage } from './group-message.ts';
import { saveGroup, summarise, type Group } from './groups.ts';
import { alertMessage, type Look } from './message.ts';
import type { AlertOptions } from './options.ts';

export type AlertContext = Context<AlertOptions>;

const DAY_MS = 86_400_000;

export function lookOf(context: AlertContext): Look {
  return { options: context.options.message, timeZone: context.timeZone, now: context.now };
}

/** What one message is about: the key under which it is posted, and under which its timers run. */
export const alertKey = (number: number): string => `alert:${number}`;
export const groupKey = (id: number): string => `group:${id}`;

/** Where an alert's own message stands: each room once, though several routes may name it. */
export function ownRooms(alert: Alert): string[] {
  return [...new Set(alert.places.filter((place) => place.show === 'alert').flatMap((place) => place.rooms))];
}

export interface Change {
  /** A new message that rings; otherwise what is there is edited. */
  readonly ring: boolean;
  /** One line above the rest; safe text. */
  readonly note?: string;
  /** Rings only in the rooms under this policy, as its reminder does; elsewhere it is an edit. */
  readonly policy?: string;
}

/** Makes every room of an alert show what it is now. Whatever rings while it fires is repeated as its policy says. */
export async function showAlert(context: AlertContext, alert: Named, change: Change): Promise<void> {
  const rooms = ownRooms(alert);
  if (rooms.length === 0) return;
  const message = alertMessage(alert, lookOf(context), change.note);
  const urgent = alert.severity === 'critical' || alert.places.some((place) => place.policy !== null);
  const ringing = new Set(
    alert.places
      .filter((place) => change.policy === undefined || place.policy === change.policy)
      .flatMap((place) => place.rooms),
  );
  for (const room of roomsToShow(context, rooms)) {
    const ring = change.ring && (change.policy === undefined || ringing.has(room));
    await context.post(room, alertKey(alert.number), message, postOptions(ring, urgent, message.title));
  }
  if (change.ring && alert.phase === 'firing')
    await remindLater(
      context,
      { alert: alert.number },
      change.policy === undefined ? ownPolicies(alert) : [change.policy],
    );
}

/**
 * Makes every room of a group show what it is now, and notes how it stands. The group is locked and its alerts are
 * written. It rings when it opens, and when somebody is needed again: alerts came to a group that was acknowledged.
 */
export async function showGroup(
  context: AlertContext,
  group: Group,
  change: Change & { readonly newcomers: number; readonly truncated?: number },
): Promise<Group> {
  const dayAgo = new Date(context.now.getTime() - DAY_MS);
  // Those that ended before this very notification opened the group have no place in it.
  const openedAt = group.open || change.newcomers === 0 ? group.openedAt : context.now;
  const since = openedAt && openedAt > dayAgo ? openedAt : dayAgo;
  const summary =
    (await summarise(context.sql, group.id, since)) ??
    // Whatever clocks say, a group that is open does not stay so when its last alert is over.
    (group.open ? await summarise(context.sql, group.id, dayAgo) : undefined);
  if (!summary) return group;
  const open = summary.firing > 0;
  const ring = change.ring || (change.newcomers > 0 && open && (!group.open || group.acked));
  const next: Group = {
    ...group,
    ...{ open, acked: open && summary.unacked === 0, openedAt: openedAt ?? context.now },
    closedAt: open ? null : (group.closedAt ?? context.now),
    truncated: open ? (change.truncated ?? group.truncated) : 0,
  };
  const message = groupMessage(next, summary, lookOf(context), change.note);
  const urgent =
    group.policy !== null || summary.first.some((alert) => alert.severity === 'critical' && alert.phase === 'firing');
  await saveGroup(context.sql, next, context.now);
  for (const room of roomsToShow(context, group.rooms))
    await context.post(room, groupKey(group.id), message, postOptions(ring, urgent, message.title));
  if (ring && open) await remindLater(context, { group: group.id }, [group.policy]);
  if (summary.ackUntil)
    await context.at(`${groupKey(group.id)}:ack`, summary.ackUntil, 'ackExpires', { group: group.id });
  return next;
}

function postOptions(ring: boolean, urgent: boolean, line: string): PostOptions {
  return { ring, queue: ring && urgent ? 'page' : 'bulk', line };
}

/** A room that is not configured any more is not written to; when none is left, the first ones of the route tree take over. */
export function knownRooms(context: AlertContext, rooms: readonly string[]): readonly string[] {
  const known = rooms.filter((room) => context.rooms.byName(room) !== undefined);
  return known.length > 0 ? known : (context.options.route?.rooms ?? []);
}

function roomsToShow(context: AlertContext, rooms: readonly string[]): readonly string[] {
  const known = knownRooms(context, rooms);
  if (!known.some((room) => rooms.includes(room)))
    context.log.warn(
      { rooms },
      'the rooms of an alert are not configured any more; its message goes to those of the root route',
    );
  return known;
}

/** What a timer is about: an alert's own message, by number, or a group's. */
export type Unit = { readonly alert: number } | { readonly group: number };

export const unitKey = (unit: Unit): string => ('alert' in unit ? alertKey(unit.alert) : groupKey(unit.group));

/** Sets the reminders of the policies that ask for them; one that is set already moves. */
export async function remindLater(
  context: AlertContext,
  unit: Unit,
  policies: readonly (string | null)[],
): Promise<void> {
  for (const policy of new Set(policies)) {
    const every = policy === null ? undefined : context.options.policies[policy]?.remindEvery;
    if (policy === null || every === undefined) continue;
    await context.at(`${unitKey(unit)}:remind:${policy}`, new Date(context.now.getTime() + every), 'remind', {
      ...unit,
      policy,
    });
  }
}

const ownPolicies = (alert: Alert): (string | null)[] =>
  alert.places.filter((place) => place.show === 'alert').map((place: Place) => place.policy);
