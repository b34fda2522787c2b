import type { Clock } from '../clock.ts';
import { type Connector, Rejected } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import { DIRECT } from './asker-only.ts';
import { storeDirectRoom } from './room-addresses.ts';

/** After this the person may have left the conversation, and it is opened again. */
const REOPEN_AFTER_MS = 60_000;

export interface DirectRoomsOptions {
  readonly query: Query;
  readonly lease: Lease;
  readonly name: string;
  readonly connector: Connector;
  readonly clock: Clock;
}

/** Maps the rooms of message rows to the platform's. Conversations with one account are opened when needed. */
export class DirectRooms {
  readonly #options: DirectRoomsOptions;
  readonly #known = new Map<string, { readonly place: string; readonly openedAtMs: number }>();

  constructor(options: DirectRoomsOptions) {
    this.#options = options;
  }

  /** The room where a row is shown. @throws what `openDirect` throws. */
  async remoteRoomOf(room: string, signal: AbortSignal): Promise<string> {
    if (!room.startsWith(DIRECT)) return room;
    return this.#known.get(room)?.place ?? (await this.#stored(room)) ?? (await this.openRemoteRoom(room, signal));
  }

  /**
   * The room for a new message. As `remoteRoomOf`, but a person may have left the conversation, and only opening it invites
   * them again: a message that nobody sees must not count as shown.
   */
  async openRemoteRoom(room: string, signal: AbortSignal): Promise<string> {
    if (!room.startsWith(DIRECT)) return room;
    const { query, lease, name, connector, clock } = this.#options;
    const known = this.#known.get(room);
    if (known && clock.steady() - known.openedAtMs < REOPEN_AFTER_MS) return known.place;
    if (!connector.openDirect) throw new Rejected(`${name} has no direct messages`);
    const account = room.slice(DIRECT.length);
    const place = await connector.openDirect(account, signal);
    await storeDirectRoom(query, lease, { connector: name, account, room: place });
    this.#known.set(room, { place, openedAtMs: clock.steady() });
    return place;
  }

  async #stored(room: string): Promise<string | undefined> {
    const { query, name } = this.#options;
    const [found] = await query<{ room: string }>(
      'select room from direct_rooms where connector = $1 and account = $2',
      [name, room.slice(DIRECT.length)],
    );
    if (found) this.#known.set(room, { place: found.room, openedAtMs: Number.NEGATIVE_INFINITY });
    return found?.room;
  }
}
