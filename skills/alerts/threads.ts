import type { Context, Mention, Message, RoomAddress } from '#skill';
import type { Holder, StoredAlert } from './alert.ts';
import { alertKey, groupKey, configuredRooms, ownRooms, type AlertContext } from './display.ts';

/** A message in a room; replies go under it. */
export interface Thread {
  readonly room: string;
  readonly key: string;
}

/** Every message that shows any of the alerts: one for each room and alert or group. */
export function threadsOf(context: AlertContext, alerts: readonly StoredAlert[]): Thread[] {
  const threads = new Map<string, Thread>();
  const add = (rooms: readonly string[], key: string): void => {
    if (rooms.length > 0)
      for (const room of configuredRooms(context, rooms)) threads.set(`${room} ${key}`, { room, key });
  };
  for (const alert of alerts) {
    add(ownRooms(alert), alertKey(alert.number));
    for (const place of alert.places) if (place.group !== null) add(place.rooms, groupKey(place.group));
  }
  return [...threads.values()];
}

/** The alerts that a room shows, and the keys of the messages that show them. */
export interface RoomAlerts {
  readonly alerts: readonly StoredAlert[];
  readonly keys: readonly string[];
}

/** Groups alerts by room, so that no room is told about an alert that it does not show. */
export function alertsByRoom(context: AlertContext, alerts: readonly StoredAlert[]): Map<string, RoomAlerts> {
  const rooms = new Map<string, { alerts: Set<StoredAlert>; keys: Set<string> }>();
  for (const alert of alerts)
    for (const { room, key } of threadsOf(context, [alert])) {
      const inRoom = rooms.get(room) ?? { alerts: new Set(), keys: new Set() };
      inRoom.alerts.add(alert);
      inRoom.keys.add(key);
      rooms.set(room, inRoom);
    }
  return new Map([...rooms].map(([room, inRoom]) => [room, { alerts: [...inRoom.alerts], keys: [...inRoom.keys] }]));
}

/** With more threads, each room gets one message instead: 300 alerts may be acknowledged at once. */
const MAX_THREADS = 5;

/**
 * Posts one quiet line under every message that shows these alerts; when inRoom are many, once in each room. `except`: the room
 * that gets a reply anyway.
 */
export async function postInThreads(
  context: AlertContext,
  alerts: readonly StoredAlert[],
  textOf: (inRoom: readonly StoredAlert[]) => string,
  except?: RoomAddress,
): Promise<void> {
  for (const [room, inRoom] of alertsByRoom(context, alerts)) {
    const message: Message = { text: textOf(inRoom.alerts), notice: true };
    for (const address of context.rooms.byName(room)?.addresses ?? []) {
      if (except && address.connector === except.connector && address.room === except.room) continue;
      if (inRoom.keys.length > MAX_THREADS) await context.say(address, message);
      else for (const key of inRoom.keys) await context.say(address, message, { inThreadOf: key });
    }
  }
}

/** Mentions of these people by their accounts on the platform of a room; those without an account inRoom are left out. */
export function mentionsIn(context: Context<unknown>, address: RoomAddress, holders: readonly Holder[]): Mention[] {
  return holders.flatMap((holder) => {
    if (holder.connector === address.connector) return [{ accountId: holder.accountId, name: holder.name }];
    const accountId =
      holder.person === null ? undefined : context.people.byId(holder.person)?.accounts[address.connector];
    return accountId === undefined ? [] : [{ accountId, name: holder.name }];
  });
}
