// Posts and updates the messages of alerts and groups in rooms.
import type { Context, PostOptions } from '#skill';
import type { Alert, NumberedAlert, StoredAlert } from './alert.ts';
import { groupMessage } from './group-message.ts';
import { saveGroup, summarise, type Group } from './groups.ts';
import { alertMessage, type RenderContext } from './message.ts';
import type { AlertOptions } from './options.ts';

export type AlertContext = Context<AlertOptions>;

const DAY_MS = 86_400_000;

export function renderContext(context: AlertContext): RenderContext {
  return { options: context.options.message, timeZone: context.timeZone, now: context.now };
}

/** The subject of one message: an alert, by number, or a group, by id. */
export type AlertOrGroup = { readonly alert: number } | { readonly group: number };

/** The key under which a message is posted; keys of its timers begin with it. */
export const alertKey = (number: number): string => `alert:${number}`;
export const groupKey = (id: number): string => `group:${id}`;
export const keyOf = (subject: AlertOrGroup): string =>
  'alert' in subject ? alertKey(subject.alert) : groupKey(subject.group);

/** The subject of the message that was replied to or tapped: `alert:12`, `group:5`, and either with a suffix after a second colon. */
export function parseKey(key: string | undefined): AlertOrGroup | undefined {
  const match = /^(alert|group):(\d{1,9})(?::|$)/.exec(key ?? '');
  if (!match) return undefined;
  return match[1] === 'alert' ? { alert: Number(match[2]) } : { group: Number(match[2]) };
}

/** The rooms with a message for this alert alone; each once, though several routes may name it. */
export function ownRooms(alert: Alert): string[] {
  return [...new Set(alert.places.filter((place) => place.show === 'alert').flatMap((place) => place.rooms))];
}

export interface ShowOptions {
  /** Posts a new message that rings; otherwise the existing one is edited. */
  readonly ring: boolean;
  /** One line above the rest; already escaped. */
  readonly note?: string;
  /** Rings only in the rooms under this policy, for its reminder; elsewhere it is an edit. */
  readonly policy?: string;
}

/** Updates the alert's message in every room. Whatever rings while it fires sets the reminders of its policies. */
export async function showAlert(context: AlertContext, alert: NumberedAlert, options: ShowOptions): Promise<void> {
  const rooms = ownRooms(alert);
  if (rooms.length === 0) return;
  const message = alertMessage(alert, renderContext(context), options.note);
  const urgent = alert.severity === 'critical' || alert.places.some((place) => place.policy !== null);
  const ringing = new Set(
    alert.places
      .filter((place) => options.policy === undefined || place.policy === options.policy)
      .flatMap((place) => place.rooms),
  );
  for (const room of roomsToShow(context, rooms)) {
    const ring = options.ring && (options.policy === undefined || ringing.has(room));
    await context.post(room, alertKey(alert.number), message, postOptions(ring, urgent, message.title));
  }
  if (options.ring && alert.phase === 'firing')
    await scheduleReminders(
      context,
      { alert: alert.number },
      options.policy === undefined ? ownPolicies(alert) : [options.policy],
    );
}

/**
 * Updates the group's message in every room and stores the group's state. The group is locked and its alerts are written.
 * It rings when it opens, and when alerts join a group that was acknowledged.
 */
export async function showGroup(
  context: AlertContext,
  group: Group,
  options: ShowOptions & { readonly newcomers: number; readonly truncated?: number },
): Promise<Group> {
  const dayAgo = new Date(context.now.getTime() - DAY_MS);
  // Alerts that ended before this very notification opened the group are left out.
  const openedAt = group.open || options.newcomers === 0 ? group.openedAt : context.now;
  const since = openedAt && openedAt > dayAgo ? openedAt : dayAgo;
  const summary =
    (await summarise(context.sql, group.id, since)) ??
    // Whatever clocks say, a group does not stay open after its last alert ended.
    (group.open ? await summarise(context.sql, group.id, dayAgo) : undefined);
  if (!summary) return group;
  const open = summary.firing > 0;
  const ring = options.ring || (options.newcomers > 0 && open && (!group.open || group.acked));
  const next: Group = {
    ...group,
    ...{ open, acked: open && summary.unacked === 0, openedAt: openedAt ?? context.now },
    closedAt: open ? null : (group.closedAt ?? context.now),
    truncated: open ? (options.truncated ?? group.truncated) : 0,
  };
  const message = groupMessage(next, summary, renderContext(context), options.note);
  const urgent =
    group.policy !== null || summary.first.some((alert) => alert.severity === 'critical' && alert.phase === 'firing');
  await saveGroup(context.sql, next, context.now);
  for (const room of roomsToShow(context, group.rooms))
    await context.post(room, groupKey(group.id), message, postOptions(ring, urgent, message.title));
  if (ring && open) await scheduleReminders(context, { group: group.id }, [group.policy]);
  if (summary.ackUntil)
    await context.at(`${groupKey(group.id)}:ack`, summary.ackUntil, 'ackExpires', { group: group.id });
  return next;
}

/** Updates changed alerts wherever they are shown, alone and in groups. */
export async function showChanged(
  context: AlertContext,
  alerts: readonly StoredAlert[],
  groups: readonly Group[],
  options: ShowOptions,
): Promise<void> {
  for (const alert of alerts) await showAlert(context, alert, options);
  const changed = new Set(alerts.flatMap((alert) => alert.places.map((place) => place.group)));
  for (const group of groups) if (changed.has(group.id)) await showGroup(context, group, { ...options, newcomers: 0 });
}

function postOptions(ring: boolean, urgent: boolean, line: string): PostOptions {
  return { ring, queue: ring && urgent ? 'page' : 'bulk', line };
}

/** The rooms that are still configured; when none is left, the rooms of the root route. */
export function configuredRooms(context: AlertContext, rooms: readonly string[]): readonly string[] {
  const configured = rooms.filter((room) => context.rooms.byName(room) !== undefined);
  return configured.length > 0 ? configured : (context.options.route?.rooms ?? []);
}

function roomsToShow(context: AlertContext, rooms: readonly string[]): readonly string[] {
  const configured = configuredRooms(context, rooms);
  if (!configured.some((room) => rooms.includes(room)))
    context.log.warn(
      { rooms },
      'the rooms of an alert are no longer configured; its message goes to the rooms of the root route',
    );
  return configured;
}

/** Sets the reminders of policies with `remindEvery`; an existing one is moved. */
export async function scheduleReminders(
  context: AlertContext,
  subject: AlertOrGroup,
  policies: readonly (string | null)[],
): Promise<void> {
  for (const policy of new Set(policies)) {
    const every = policy === null ? undefined : context.options.policies[policy]?.remindEvery;
    if (policy === null || every === undefined) continue;
    await context.at(`${keyOf(subject)}:remind:${policy}`, new Date(context.now.getTime() + every), 'remind', {
      ...subject,
      policy,
    });
  }
}

const ownPolicies = (alert: Alert): (string | null)[] =>
  alert.places.filter((place) => place.show === 'alert').map((place) => place.policy);
