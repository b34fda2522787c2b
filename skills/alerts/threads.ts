import type { Context, Mention, Message, RoomAddress } from '#skill';
import type { Holder, Numbered } from './alert.ts';
import { alertKey, groupKey, knownRooms, ownRooms, type AlertContext } from './show.ts';

/** One message that is already in a room, to say something under. */
export interface Thread {
  readonly room: string;
  readonly key: string;
}

/** Every message that shows any of the alerts: one a room and alert or group. */
export function threadsOf(context: AlertContext, alerts: readonly Numbered[]): Thread[] {
  const threads = new Map<string, Thread>();
  const add = (rooms: readonly string[], key: string): void => {
    if (rooms.length > 0) for (const room of knownRooms(context, rooms)) threads.set(`${room} ${key}`, { room, key });
  };
  for (const alert of alerts) {
    add(ownRooms(alert), alertKey(alert.number));
    for (const place of alert.places) if (place.group !== null) add(place.rooms, groupKey(place.group));
  }
  return [...threads.values()];
}

/** What of some alerts a room shows: which of them, and the messages they are in. */
export interface ShownThere {
  readonly alerts: readonly Numbered[];
  readonly keys: readonly string[];
}

/** By room, so that none hears of an alert that it does not show. */
export function byRoom(context: AlertContext, alerts: readonly Numbered[]): Map<string, ShownThere> {
  const rooms = new Map<string, { alerts: Set<Numbered>; keys: Set<string> }>();
  for (const alert of alerts)
    for (const { room, key } of threadsOf(context, [alert])) {
      const there = rooms.get(room) ?? { alerts: new Set(), keys: new Set() };
      there.alerts.add(alert);
      there.keys.add(key);
      rooms.set(room, there);
    }
  return new Map([...rooms].map(([room, there]) => [room, { alerts: [...there.alerts], keys: [...there.keys] }]));
}

/** How many threads get a line; taking 300 alerts at once is said once a room instead. */
const MOST_THREADS = 5;

/**
 * Says one quiet line under every message that shows these alerts; where they are many, once in each room. `except`: the
 * room that gets a reply anyway.
 */
export async function sayInThreads(
  context: AlertContext,
  alerts: readonly Numbered[],
  textOf: (there: readonly Numbered[]) => string,
  except?: RoomAddress,
): Promise<void> {
  for (const [room, there] of byRoom(context, alerts)) {
    const message: Message = { text: textOf(there.alerts), notice: true };
    for (const address of context.rooms.byName(room)?.addresses ?? []) {
      if (except && address.connector === except.connector && address.room === except.room) continue;
      if (there.keys.length > MOST_THREADS) await context.say(address, message);
      else for (const key of there.keys) await context.say(address, message, { inThreadOf: key });
    }
  }
}

/** The account of somebody on the platform of a room, to mention; nobody where they have none. */
export function mentionsIn(context: Context<unknown>, address: RoomAddress, holders: readonly Holder[]): Mention[] {
  return holders.flatMap((holder) => {
    if (holder.connector === address.connector) return [{ accountId: holder.accountId, name: holder.name }];
    const accountId =
      holder.person === null ? undefined : context.people.byId(holder.person)?.accounts[address.connector];
    return accountId === undefined ? [] : [{ accountId, name: holder.name }];
  });
}
