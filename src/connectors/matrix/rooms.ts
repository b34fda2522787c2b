import type { JsonObject } from '../connector.ts';
import { dig, isObject, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';

/** Where a room that was upgraded goes on (`m.room.tombstone`). */
export interface Successor {
  readonly room: string;
  /** A server that is in it: the room's id does not say one. */
  readonly via: string | undefined;
}

/** What a written id or address stands for. */
export interface Place {
  readonly room: string;
  /** The room that was meant first has been upgraded, once or more often, to this one. */
  readonly upgraded: Successor | undefined;
}

/** Upgrades of upgrades that are followed. */
const MOST_UPGRADES = 20;

/** What is known of rooms: which id an address stands for, which we are in, which are conversations with one person. */
export class Rooms {
  private readonly requests: Requests;
  private readonly places = new Map<string, Place>();
  private readonly successors = new Map<string, Successor>();
  private readonly joined = new Set<string>();
  private readonly counts = new Map<string, number>();
  private direct = new Set<string>();

  constructor(requests: Requests) {
    this.requests = requests;
  }

  isJoined(id: string): boolean {
    return this.joined.has(id);
  }

  setJoined(id: string, joined: boolean): void {
    if (joined) this.joined.add(id);
    else this.joined.delete(id);
  }

  /** Two people in it, or marked as direct in the bot's account. */
  isDirect(id: string): boolean {
    return this.direct.has(id) || this.counts.get(id) === 2;
  }

  /** What an id or address as written stands for, as far as that was settled. */
  known(written: string): Place | undefined {
    return this.places.get(written) ?? (written.startsWith('!') ? { room: written, upgraded: undefined } : undefined);
  }

  settle(written: string, place: Place): void {
    this.places.set(written, place);
  }

  /** Those of `written` that stand for a room. */
  namesOf(room: string, written: readonly string[]): string[] {
    return written.filter((one) => this.known(one)?.room === room);
  }

  /** What is known, else what `look` finds. For those who do not go on with it. */
  async find(written: string, signal?: AbortSignal): Promise<string> {
    return (this.known(written) ?? (await this.look(written, signal))).room;
  }

  /**
   * Asks what an id or address stands for now, and changes nothing: the directory, and then each room for its successor,
   * unless `ask` says that what /sync brought of those is enough.
   * @throws {MatrixFailure} 404 where no room has this address; anything the request throws.
   */
  async look(written: string, signal?: AbortSignal, ask: 'all' | 'directory' = 'all'): Promise<Place> {
    const first = await this.directory(written, signal);
    const place = await this.followed(first, signal, ask);
    const before = this.places.get(written)?.room;
    // The directory may know the new room already, and no more than that.
    if (place.upgraded || before === undefined || before === place.room) return place;
    const followed = await this.followed(before, signal, ask);
    return followed.room === place.room ? followed : place;
  }

  private async followed(room: string, signal: AbortSignal | undefined, ask: 'all' | 'directory'): Promise<Place> {
    let place: Place = { room, upgraded: undefined };
    for (let hops = 0; hops < MOST_UPGRADES; hops++) {
      const next =
        this.successors.get(place.room) ?? (ask === 'all' ? await this.successor(place.room, signal) : undefined);
      if (!next) break;
      place = { room: next.room, upgraded: next };
    }
    return place;
  }

  private async directory(written: string, signal: AbortSignal | undefined): Promise<string> {
    if (written.startsWith('!')) return written;
    const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(written)}`;
    return text((await this.requests.request('GET', path, { signal }))['room_id']) ?? '';
  }

  private async successor(room: string, signal: AbortSignal | undefined): Promise<Successor | undefined> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/m.room.tombstone/`;
    const event = await this.requests
      .request('GET', path, { query: { format: 'event' }, signal })
      .catch((error: unknown) => {
        // There is none, or we are not in it.
        if (isMatrixFailure(error) && error.errcode !== undefined && [403, 404].includes(error.status))
          return undefined;
        throw error;
      });
    if (event) this.noteTombstone(room, isObject(event['content']) ? event : { content: event });
    return this.successors.get(room);
  }

  /** Takes in an `m.room.tombstone` of a room; one without a room in it takes the upgrade back. */
  noteTombstone(room: string, event: JsonObject): void {
    const next = text(dig(event, 'content', 'replacement_room'));
    if (next === undefined || !/^![\x21-\x7e]{1,254}$/.test(next) || next === room) {
      this.successors.delete(room);
      return;
    }
    const via = /:(.+)$/.exec(text(event['sender']) ?? '')?.[1] ?? /:(.+)$/.exec(next)?.[1];
    this.successors.set(room, { room: next, via });
  }

  /** Upgrades that were seen, old room to new: for keeping, because who has left a room cannot ask it. */
  get upgrades(): ReadonlyMap<string, Successor> {
    return this.successors;
  }

  /** @throws {MatrixFailure} 403 where we are not invited. */
  async join(written: string, signal?: AbortSignal): Promise<string> {
    const successor = this.places.get(written)?.upgraded;
    // The directory may still say the old one.
    const target = successor?.room ?? written;
    const answer = await this.requests.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(target)}`, {
      query: { server_name: successor?.via, via: successor?.via },
      body: {},
      signal,
      timeoutMs: 60_000,
    });
    const id = text(answer['room_id']) ?? target;
    this.joined.add(id);
    return id;
  }

  /** Takes in what a /sync says about a joined room beside its timeline. */
  noteSummary(id: string, entry: JsonObject): void {
    const count = dig(entry, 'summary', 'm.joined_member_count');
    if (typeof count === 'number') this.counts.set(id, count);
  }

  /** `m.direct` of the account: user to rooms. */
  noteAccountData(sync: JsonObject): void {
    const events = dig(sync, 'account_data', 'events');
    for (const event of Array.isArray(events) ? events : []) {
      if (dig(event, 'type') !== 'm.direct') continue;
      const content = dig(event, 'content');
      const lists = isObject(content) ? Object.values(content) : [];
      this.direct = new Set(
        lists.flatMap((list) => (Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [])),
      );
    }
  }
}

/** Why a room cannot be used, with what to do about it. */
export function roomTrouble(error: unknown, written: string, userId: string, upgraded?: Successor): string | undefined {
  if (!isMatrixFailure(error)) return undefined;
  if (upgraded && (error.status === 403 || error.status === 404))
    return `the room was upgraded to ${upgraded.room}: invite ${userId} there`;
  if (error.status === 404)
    return `no room has the address ${written}: check it, or give the room this address in its settings`;
  if (error.status === 403) return `not a member and not invited: invite ${userId} to ${written}`;
  return undefined;
}
