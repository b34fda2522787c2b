import type { Query } from '../db/database.ts';
import type { AskerOnly } from './asker-only.ts';
import type { Copy } from './plan.ts';

/** A row of `messages`, as delivery uses it. */
export interface MessageRow extends AskerOnly {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  /** 0 replies and pages, 1 bulk. */
  readonly queue: number;
  readonly content: string;
  readonly version: number;
  readonly ring_version: number;
  readonly removed: boolean;
  readonly not_before: Date | null;
  readonly until: Date | null;
  readonly thread_key: string | null;
  readonly reply_to: string | null;
  readonly thread: string | null;
  readonly digest: boolean;
  readonly fold: string | null;
  readonly delivered_version: number;
  readonly sends: number;
  readonly copies: string;
  readonly attempt: string | null;
  readonly wanted_at: Date;
  /** JSON: the actions of delivered versions; see `offered.ts`. */
  readonly offered: string | null;
  /** Null: no copy in the room's failover needs to follow it. */
  readonly failover_ring: number | null;
}

export const COLUMNS = `m.id, m.connector, m.room, m.skill, m.key, m.queue, m.content, m.version, m.ring_version, m.removed, m.not_before, m.until, m.thread_key, m.reply_to, m.thread,
  m.digest, m.fold, m.delivered_version, m.sends, m.copies, m.attempt, m.wanted_at, m.offered, m.failover_ring, m.visible_to, m.respond_token, m.respond_until`;

/** Locks rows in the same order as handlers do, to avoid deadlocks. */
export const LOCK_IN_ORDER = 'order by m.connector, m.room, m.skill, m.key nulls last, m.position for update of m';

/** Rooms of a connector where something may be sent now, the most urgent first. Skips from room to room, however many messages each has. */
export async function pendingRooms(query: Query, connector: string, now: Date): Promise<string[]> {
  const rows = await query<{ room: string }>(
    `with recursive rooms as (
       (select room from messages where connector = $1 and pending order by room limit 1)
       union all
       select (select m.room from messages m where connector = $1 and pending and m.room > rooms.room order by m.room limit 1) from rooms where rooms.room is not null)
     select rooms.room from rooms, lateral (
       select queue, position from messages m where connector = $1 and m.room = rooms.room and pending and (not_before is null or not_before <= $2)
         order by queue, position limit 1) head
     order by head.queue, head.position`,
    [connector, now],
  );
  return rows.map((row) => row.room);
}

/**
 * What becomes due in rooms before `until`, and when. Read as one row: the driver parses rows one by one, and thousands of
 * them would block the event loop for 10 ms each second.
 */
export async function dueSoon(
  query: Query,
  connector: string,
  now: Date,
  until: Date,
): Promise<{ room: string; due: Date }[]> {
  const [row] = await query<{ rooms: string[] | null; dues: number[] | null }>(
    `select json_agg(room) as rooms, json_agg((extract(epoch from not_before) * 1000)::float8) as dues from (
       select distinct room, not_before from messages
       where connector = $1 and pending and attempt is null and not_before > $2 and not_before <= $3) soon`,
    [connector, now, until],
  );
  return (row?.rooms ?? []).map((room, index) => ({ room, due: new Date(Math.ceil(row?.dues?.[index] ?? 0)) }));
}

/** What rooms must settle before anything else: messages with requests not recorded as confirmed, in order. */
export function unresolvedIn(query: Query, connector: string, rooms: readonly string[]): Promise<MessageRow[]> {
  return query<MessageRow>(
    `select ${COLUMNS} from messages m where connector = $1 and room = any($2) and pending and attempt is not null order by queue, position`,
    [connector, rooms],
  );
}

/**
 * What to send to rooms next, of what is due by `until`: at most `limit` rows a room, replies and pages before bulk, each in
 * order. Found by `pending`, never by a highest id.
 */
export async function takePending(
  query: Query,
  connector: string,
  rooms: readonly string[],
  { until, limit }: { until: Date; limit: number },
): Promise<Map<string, MessageRow[]>> {
  const found = await query<MessageRow>(
    `select m.* from unnest($2::text[]) with ordinality as given (asked, nth) cross join lateral (
       select ${COLUMNS}, m.position from messages m where m.connector = $1 and m.room = asked and m.pending and (m.not_before is null or m.not_before <= $3)
       order by m.queue, m.position limit $4) m order by nth, m.queue, m.position`,
    [connector, rooms, until, limit],
  );
  const waiting = new Map<string, MessageRow[]>(rooms.map((room) => [room, []]));
  for (const row of found) waiting.get(row.room)?.push(row);
  return waiting;
}

export async function messageById(query: Query, id: string): Promise<MessageRow | undefined> {
  const [row] = await query<MessageRow>(`select ${COLUMNS} from messages m where id = $1`, [id]);
  return row;
}

/** Remote id of the thread's first message; undefined: it is not shown, and the row becomes a plain message. */
export async function threadRoot(query: Query, row: MessageRow): Promise<string | undefined> {
  const [root] = await query<{ copies: string }>(
    `select copies from messages where connector = $1 and room = $2 and skill = $3 and key = $4 and state = 'live' and not removed`,
    [row.connector, row.room, row.skill, row.thread_key],
  );
  const copy = (JSON.parse(root?.copies ?? '[]') as Copy[]).at(-1);
  return copy && !copy.gone ? copy.parts[0]?.remoteId : undefined;
}
