import { Rejected, type Connector, type Receiver } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import type { Lease } from '../db/lease.ts';
import { HELD } from './store.ts';

const DIRECT = 'direct:';

/** The conversation with one account, as message rows call it. */
export const directRoom = (account: string): string => `${DIRECT}${account}`;

/** A row that only one account is to see. */
export interface Private {
  readonly visible_to: string | null;
  readonly respond_token: string | null;
  readonly respond_until: Date | null;
}

/** How what only one account may see gets there: as an answer to what it did, or else in the conversation with it; never in the room. */
export type PrivateWay = { readonly to: Receiver } | { readonly direct: string };

/** Undefined: there is no way. Pure. */
export function privateWay(
  { visible_to: accountId, respond_token: token, respond_until: until }: Private,
  { asker, direct }: Connector['capabilities'],
  now: Date,
): PrivateWay | undefined {
  if (accountId === null) return undefined;
  if (token !== null && until !== null && until > now) return { to: { accountId, respond: { token, until } } };
  if (asker) return { to: { accountId } };
  return direct ? { direct: directRoom(accountId) } : undefined;
}

export interface DirectRoomsOptions {
  readonly query: Query;
  readonly lease: Lease;
  readonly name: string;
  readonly connector: Connector;
}

/** Which of the platform's rooms message rows mean: conversations with one account are opened when something is said there. */
export class DirectRooms {
  readonly #options: DirectRoomsOptions;
  readonly #known = new Map<string, string>();

  constructor(options: DirectRoomsOptions) {
    this.#options = options;
  }

  /** @throws what `openDirect` throws. */
  async placeOf(room: string, signal: AbortSignal): Promise<string> {
    if (!room.startsWith(DIRECT)) return room;
    const place = this.#known.get(room) ?? (await this.#find(room.slice(DIRECT.length), signal));
    this.#known.set(room, place);
    return place;
  }

  async #find(account: string, signal: AbortSignal): Promise<string> {
    const { query, lease, name, connector } = this.#options;
    const [found] = await query<{ room: string }>(
      'select room from direct_rooms where connector = $1 and account = $2',
      [name, account],
    );
    if (found) return found.room;
    if (!connector.openDirect) throw new Rejected(`on ${name} nobody can be written to alone`);
    const opened = await connector.openDirect(account, signal);
    await query(
      `with ${HELD} insert into direct_rooms (connector, account, room) select $3, $4, $5 from held on conflict do nothing`,
      [lease.name, lease.epoch, name, account, opened],
    );
    return opened;
  }
}
