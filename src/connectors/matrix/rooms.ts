import type { ConnectorHost, JsonObject } from '../connector.ts';
import { dig, isMatrixFailure, isObject, text } from './requests.ts';
import type { Requests } from './requests.ts';

/** What is known of rooms: which id an address stands for, which we are in, which are conversations with one person. */
export class Rooms {
  private readonly requests: Requests;
  private readonly ids = new Map<string, string>();
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

  /** The id behind an id or address as written, if it is known already. */
  known(written: string): string | undefined {
    return written.startsWith('!') ? written : this.ids.get(written);
  }

  /** @throws {MatrixFailure} 404 where no room has this address; anything the request throws. */
  async resolve(written: string, host: ConnectorHost | undefined, signal?: AbortSignal): Promise<string> {
    const known = this.known(written);
    if (known !== undefined) return known;
    const answer = await this.requests.request(
      'GET',
      `/_matrix/client/v3/directory/room/${encodeURIComponent(written)}`,
      { signal },
    );
    const id = text(answer['room_id']) ?? '';
    this.ids.set(written, id);
    host?.resolved(written, id);
    return id;
  }

  /** @throws {MatrixFailure} 403 where we are not invited. */
  async join(written: string, signal?: AbortSignal): Promise<string> {
    const answer = await this.requests.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(written)}`, {
      body: {},
      signal,
      timeoutMs: 60_000,
    });
    const id = text(answer['room_id']) ?? written;
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
export function roomTrouble(error: unknown, written: string, userId: string): string | undefined {
  if (!isMatrixFailure(error)) return undefined;
  if (error.status === 404)
    return `no room has the address ${written}: check it, or give the room this address in its settings`;
  if (error.status === 403) return `not a member and not invited: invite ${userId} to ${written}`;
  return undefined;
}
