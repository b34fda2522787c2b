import type { JsonObject } from '../connector.ts';
import { dig, isObject, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';

/** The room that replaces an upgraded one (`m.room.tombstone`). */
export interface Successor {
  readonly room: string;
  /** A server that is in it, because the room id may not contain one. */
  readonly via: string | undefined;
}

/** The room that a configured id or address stands for. */
export interface Place {
  readonly room: string;
  /** Set if the original room was upgraded to this one, directly or in several steps. */
  readonly upgraded: Successor | undefined;
}

/** Most upgrades in a row that are followed. */
const MAX_UPGRADES = 20;

/** What is known about rooms: the ids of addresses, where the bot is a member, and which are direct. */
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

  /** Has two members, or is marked as direct in the bot's account. */
  isDirect(id: string): boolean {
    return this.direct.has(id) || this.counts.get(id) === 2;
  }

  /** The room of a configured id or address, if it has been settled. */
  known(configured: string): Place | undefined {
    return (
      this.places.get(configured) ??
      (configured.startsWith('!') ? { room: configured, upgraded: undefined } : undefined)
    );
  }

  settle(configured: string, place: Place): void {
    this.places.set(configured, place);
  }

  /** Those of the configured ids and addresses that stand for a room. */
  namesOf(room: string, configured: readonly string[]): string[] {
    return configured.filter((one) => this.known(one)?.room === room);
  }

  /** The known room, otherwise the result of `look`, without settling it. */
  async find(configured: string, signal?: AbortSignal): Promise<string> {
    return (this.known(configured) ?? (await this.lookUp(configured, signal))).room;
  }

  /**
   * Looks up the room of an id or address without changing anything: asks the directory, and then each room for its successor, unless
   * `ask` is `directory`, when those known from /sync are enough.
   * @throws {MatrixFailure} 404 if no room has this address; anything the request throws.
   */
  async lookUp(configured: string, signal?: AbortSignal, ask: 'all' | 'directory' = 'all'): Promise<Place> {
    const first = await this.directory(configured, signal);
    const place = await this.followUpgrades(first, signal, ask);
    const before = this.places.get(configured)?.room;
    // The directory may have the new room already, without the upgrade.
    if (place.upgraded || before === undefined || before === place.room) return place;
    const followUpgrades = await this.followUpgrades(before, signal, ask);
    return followUpgrades.room === place.room ? followUpgrades : place;
  }

  private async followUpgrades(
    room: string,
    signal: AbortSignal | undefined,
    ask: 'all' | 'directory',
  ): Promise<Place> {
    let place: Place = { room, upgraded: undefined };
    for (let hops = 0; hops < MAX_UPGRADES; hops++) {
      const next =
        this.successors.get(place.room) ?? (ask === 'all' ? await this.successor(place.room, signal) : undefined);
      if (!next) break;
      place = { room: next.room, upgraded: next };
    }
    return place;
  }

  private async directory(configured: string, signal: AbortSignal | undefined): Promise<string> {
    if (configured.startsWith('!')) return configured;
    const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(configured)}`;
    return text((await this.requests.request('GET', path, { signal }))['room_id']) ?? '';
  }

  private async successor(room: string, signal: AbortSignal | undefined): Promise<Successor | undefined> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/state/m.room.tombstone/`;
    const event = await this.requests
      .request('GET', path, { query: { format: 'event' }, signal })
      .catch((error: unknown) => {
        // There is none, or the bot is not a member.
        if (isMatrixFailure(error) && error.errcode !== undefined && [403, 404].includes(error.status))
          return undefined;
        throw error;
      });
    if (event) this.recordTombstone(room, isObject(event['content']) ? event : { content: event });
    return this.successors.get(room);
  }

  /** Records an `m.room.tombstone`; one without a room undoes the upgrade. */
  recordTombstone(room: string, event: JsonObject): void {
    const next = text(dig(event, 'content', 'replacement_room'));
    if (next === undefined || !/^![\x21-\x7e]{1,254}$/.test(next) || next === room) {
      this.successors.delete(room);
      return;
    }
    const via = /:(.+)$/.exec(text(event['sender']) ?? '')?.[1] ?? /:(.+)$/.exec(next)?.[1];
    this.successors.set(room, { room: next, via });
  }

  /** Known upgrades, old room to new, for storing: after leaving a room, the bot can no longer ask it. */
  get upgrades(): ReadonlyMap<string, Successor> {
    return this.successors;
  }

  /** @throws {MatrixFailure} 403 if the bot is not invited. */
  async join(configured: string, signal?: AbortSignal): Promise<string> {
    const successor = this.places.get(configured)?.upgraded;
    // The directory may still have the old room.
    const target = successor?.room ?? configured;
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

  /** Records the member count from a joined room's summary. */
  recordSummary(id: string, entry: JsonObject): void {
    const count = dig(entry, 'summary', 'm.joined_member_count');
    if (typeof count === 'number') this.counts.set(id, count);
  }

  /** `m.direct` of the account: user to rooms. */
  recordAccountData(sync: JsonObject): void {
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

/** Why a room cannot be used, with the remedy. */
export function roomProblem(
  error: unknown,
  configured: string,
  userId: string,
  upgraded?: Successor,
): string | undefined {
  if (!isMatrixFailure(error)) return undefined;
  if (upgraded && (error.status === 403 || error.status === 404))
    return `the room was upgraded to ${upgraded.room}: invite ${userId} there`;
  if (error.status === 404)
    return `no room has the address ${configured}: check it, or add this address in the room's settings`;
  if (error.status === 403) return `not a member and not invited: invite ${userId} to ${configured}`;
  return undefined;
}
