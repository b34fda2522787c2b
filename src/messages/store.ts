import type { Lease } from '../db/lease.ts';
import type { Query } from '../db/database.ts';
import type { Accepted } from '../dispatch/event.ts';
import type { Attempt, Copy } from './plan.ts';

/** A row of `messages` as the courier works on it. */
export interface MessageRow {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  readonly content: string;
  readonly version: number;
  readonly ring_version: number;
  readonly removed: boolean;
  readonly until: Date | null;
  readonly thread_key: string | null;
  readonly reply_to: string | null;
  readonly thread: string | null;
  readonly notify: boolean;
  readonly digest: boolean;
  readonly fold: string | null;
  readonly delivered_version: number;
  readonly sends: number;
  readonly copies: string;
  readonly attempt: string | null;
  readonly wanted_at: Date;
}

const COLUMNS = `m.id, m.connector, m.room, m.skill, m.key, m.content, m.version, m.ring_version, m.removed, m.until, m.thread_key, m.reply_to, m.thread,
  m.notify, m.digest, m.fold, m.delivered_version, m.sends, m.copies, m.attempt, m.wanted_at`;

/** The fence as part of one statement: nothing is written by a holder whose lease has gone. `$1` name, `$2` epoch. */
const HELD = 'held as materialized (select 1 from leases where name = $1 and epoch = $2 for key share)';

/** Rooms of a connector in which something waits, the most urgent first. */
export async function pendingRooms(query: Query, connector: string): Promise<string[]> {
  const rows = await query<{ room: string }>(
    'select room from messages where connector = $1 and pending group by room order by min(queue), min(position)',
    [connector],
  );
  return rows.map((row) => row.room);
}

/** What a room must resolve before anything else: a request whose outcome nobody knows. */
export async function unresolved(query: Query, connector: string, room: string): Promise<MessageRow | undefined> {
  const [row] = await query<MessageRow>(
    `select ${COLUMNS} from messages m where connector = $1 and room = $2 and attempt is not null and state = 'live' order by position limit 1`,
    [connector, room],
  );
  return row;
}

/** What a room should be sent next: replies and pages before bulk, each in order. Found by what is pending, never by a highest id. */
export function nextPending(query: Query, connector: string, room: string, limit: number): Promise<MessageRow[]> {
  return query<MessageRow>(
    `select ${COLUMNS} from messages m where connector = $1 and room = $2 and pending
       and (after_key is null or not exists (select 1 from messages a where a.connector = m.connector and a.room = m.room and a.skill = m.skill and a.key = m.after_key and a.pending))
     order by queue, position limit $3`,
    [connector, room, limit],
  );
}

export async function messageById(query: Query, id: string): Promise<MessageRow | undefined> {
  const [row] = await query<MessageRow>(`select ${COLUMNS} from messages m where id = $1`, [id]);
  return row;
}

export interface Member {
  readonly id: string;
  readonly version: number;
  readonly ring_version: number;
  readonly line: string | null;
  readonly removed: boolean;
}

/** The rows that a digest stands for, in order. */
export function membersOf(query: Query, digest: string): Promise<Member[]> {
  return query<Member>(
    'select id, version, ring_version, line, removed from messages where fold = $1 order by position',
    [digest],
  );
}

/** Remote id of the message shown under a key, for replies and threads; undefined: none, and then it is a plain message. */
export async function threadRoot(query: Query, row: MessageRow): Promise<string | undefined> {
  const [root] = await query<{ copies: string }>(
    `select copies from messages where connector = $1 and room = $2 and skill = $3 and key = $4 and state = 'live' and not removed`,
    [row.connector, row.room, row.skill, row.thread_key],
  );
  const copy = (JSON.parse(root?.copies ?? '[]') as Copy[]).at(-1);
  return copy && !copy.gone ? copy.parts[0]?.remoteId : undefined;
}

/** Freezes what is about to be sent. False: the row changed meanwhile, or the lease has gone. */
export async function beginAttempt(query: Query, lease: Lease, row: MessageRow, attempt: Attempt): Promise<boolean> {
  const rows = await query(
    `with ${HELD} update messages set attempt = $4 from held where id = $3 and version = $5 and attempt is null and state = 'live' returning id`,
    [lease.name, lease.epoch, row.id, JSON.stringify(attempt), row.version],
  );
  return rows.length > 0;
}

/** The platform said that it did nothing: the row is as if never attempted, and may be folded or changed again. */
export async function withdrawAttempt(query: Query, lease: Lease, row: MessageRow): Promise<void> {
  await query(`with ${HELD} update messages set attempt = null from held where id = $3 and sends = $4 returning id`, [
    lease.name,
    lease.epoch,
    row.id,
    row.sends,
  ]);
}

export interface Confirmation {
  readonly copies: readonly Copy[];
  /** The attempt with its next step, or null when this was the last. */
  readonly attempt: Attempt | null;
  readonly version: number;
  readonly ring: number;
  readonly actions: string;
  /** The id of a new remote message, for replies and taps on it. */
  readonly newRemoteId: string | null;
  readonly members: Attempt['members'];
  /** The bot should add its taps to the newest copy. */
  readonly react: boolean;
}

const FATE_PAYLOAD = (state: 'shown' | 'dead'): string =>
  `json_build_object('connector', connector, 'room', room, 'key', key, 'state', '${state}', 'at', clock_timestamp(), 'reason', reason)::text`;
const FATE_INTO = 'insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)';

/**
 * Records one confirmed request, with all that follows from it, in one fenced statement. Undefined: it was recorded
 * before (by an echo), or the lease has gone.
 */
export async function recordSent(
  query: Query,
  lease: Lease,
  row: MessageRow,
  done: Confirmation,
): Promise<Accepted[] | undefined> {
  const finished = done.attempt === null;
  const rows = await query<{ found: boolean; id: number | null; lane: string | null }>(
    `with ${HELD},
     sent as (
       update messages set copies = $5, sends = sends + 1, attempt = $6,
         delivered_version = case when $7 then $8 else delivered_version end, delivered_ring = case when $7 then $9 else delivered_ring end,
         shown_actions = case when $7 then $10 else shown_actions end, react = react or $14,
         shown_at = case when $7 then coalesce(shown_at, clock_timestamp()) else shown_at end
       from held where messages.id = $3 and sends = $4 and attempt is not null returning messages.*),
     remote as (
       insert into message_remotes (connector, remote_id, message_id) select connector, $11, id from sent where $11::text is not null
       on conflict (connector, remote_id) do update set message_id = excluded.message_id),
     members as (
       update messages m set delivered_version = greatest(m.delivered_version, given.version), delivered_ring = greatest(m.delivered_ring, given.ring),
         shown_at = coalesce(m.shown_at, clock_timestamp()),
         -- It rang again while the digest was on its way: that needs a message of its own.
         fold = case when m.ring_version > given.ring then null else m.fold end
       from unnest($12::uuid[], $13::int[], $15::int[]) as given (id, version, ring), sent where $7 and m.id = given.id and m.fold = sent.id
       returning m.id, m.connector, m.room, m.key, m.skill, m.reason, m.notify, given.ring),
     fate as (
       ${FATE_INTO} select 'fate', id::text || ':' || ring || ':shown', skill || ':' || key, 'fate', skill, 'fate', ${FATE_PAYLOAD('shown')}, clock_timestamp()
       from (select id, connector, room, key, skill, reason, notify, $9::int as ring from sent union all select id, connector, room, key, skill, reason, notify, ring from members) shown
       where $7 and notify and key is not null on conflict (source, source_id) do nothing returning id, lane)
     select true as found, fate.id, fate.lane from sent left join fate on true`,
    [
      lease.name,
      lease.epoch,
      row.id,
      row.sends,
      JSON.stringify(done.copies),
      done.attempt && JSON.stringify(done.attempt),
      finished,
      done.version,
      done.ring,
      done.actions,
      done.newRemoteId,
      (done.members ?? []).map((member) => member.id),
      (done.members ?? []).map((member) => member.version),
      done.react,
      (done.members ?? []).map((member) => member.ring),
    ],
  );
  if (rows.length === 0) return undefined;
  return rows.flatMap((one) => (one.id === null ? [] : [{ id: one.id, lane: one.lane }]));
}

/** Nothing has to be sent: the room shows it already. */
export async function markShown(query: Query, lease: Lease, row: MessageRow, attempt: Attempt): Promise<void> {
  await query(
    `with ${HELD}, shown as (update messages set delivered_version = $4, delivered_ring = greatest(delivered_ring, $5), shown_actions = $6 from held where messages.id = $3 and attempt is null returning id)
     update messages m set delivered_version = greatest(m.delivered_version, given.version), fold = case when m.ring_version > given.ring then null else m.fold end
     from unnest($7::uuid[], $8::int[], $9::int[]) as given (id, version, ring), shown where m.id = given.id and m.fold = shown.id`,
    [
      lease.name,
      lease.epoch,
      row.id,
      attempt.version,
      attempt.ring,
      attempt.actions,
      (attempt.members ?? []).map((one) => one.id),
      (attempt.members ?? []).map((one) => one.version),
      (attempt.members ?? []).map((one) => one.ring),
    ],
  );
}

/** Too late to be worth saying. */
export async function dropExpired(query: Query, lease: Lease, row: MessageRow): Promise<void> {
  await query(
    `with ${HELD} update messages set state = 'dropped', reason = 'it came too late' from held where id = $3 and version = $4 and attempt is null`,
    [lease.name, lease.epoch, row.id, row.version],
  );
}

/** The platform will never take it. Returns the fate events; undefined: it is dead already or the lease has gone. */
export async function markDead(
  query: Query,
  lease: Lease,
  row: MessageRow,
  reason: string,
): Promise<Accepted[] | undefined> {
  const rows = await query<{ id: number | null; lane: string | null }>(
    `with ${HELD}, dead as (update messages set state = 'dead', reason = $4, attempt = null from held where messages.id = $3 and state = 'live' returning messages.*),
     -- A dead digest stands for nothing: what it was to show is dead too, what it had shown is on its own from now on.
     members as (
       update messages m set fold = null, state = case when m.pending then 'dead' else m.state end, reason = case when m.pending then $4 else m.reason end
       from dead where m.fold = dead.id returning m.*),
     fate as (
       ${FATE_INTO} select 'fate', id::text || ':' || version || ':dead', skill || ':' || key, 'fate', skill, 'fate', ${FATE_PAYLOAD('dead')}, clock_timestamp()
       from (select * from dead union all select * from members) gone where state = 'dead' and notify and key is not null on conflict (source, source_id) do nothing returning id, lane)
     select fate.id, fate.lane from dead left join fate on true`,
    [lease.name, lease.epoch, row.id, reason],
  );
  if (rows.length === 0) return undefined;
  return rows.flatMap((one) => (one.id === null ? [] : [{ id: one.id, lane: one.lane }]));
}

export interface Reactable {
  readonly id: string;
  readonly room: string;
  readonly copies: string;
  readonly shown_actions: string | null;
}

/** The newest message that waits for the bot's taps, if its room has nothing more urgent. */
export async function nextReact(query: Query, connector: string): Promise<Reactable | undefined> {
  const [row] = await query<Reactable>(
    `select id, room, copies, shown_actions from messages m where connector = $1 and react
       and not exists (select 1 from messages p where p.connector = m.connector and p.pending) order by position desc limit 1`,
    [connector],
  );
  return row;
}

export async function endReact(query: Query, lease: Lease, ids: readonly string[] | undefined): Promise<void> {
  await query(
    `with ${HELD} update messages set react = false from held where connector = $3 and react and ($4::uuid[] is null or id = any($4))`,
    [lease.name, lease.epoch, lease.name.replace(/^connector:/, ''), ids ?? null],
  );
}

export interface DeadRow {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  readonly reason: string | null;
  readonly content: string;
  readonly wanted_at: Date;
}

export function listDead(query: Query, limit: number): Promise<DeadRow[]> {
  return query<DeadRow>(
    `select id, connector, room, skill, key, reason, content, wanted_at from messages where state = 'dead' order by wanted_at desc limit $1`,
    [limit],
  );
}

/** Tries dead letters again; `ids` undefined: all. Returns the rooms concerned. */
export function replayDead(
  query: Query,
  ids: readonly string[] | undefined,
): Promise<{ connector: string; room: string }[]> {
  return query<{ connector: string; room: string }>(
    `update messages set state = 'live', reason = null, version = version + 1, fold = null, wanted_at = clock_timestamp() where state = 'dead' and ($1::uuid[] is null or id = any($1)) returning connector, room`,
    [ids ?? null],
  );
}
