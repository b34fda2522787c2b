import { LeaseLost, type Lease } from '../replicas/lease.ts';
import { rerun, type Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';
import { withOffer } from './offered-actions.ts';
import type { Attempt, Copy } from './plan.ts';
import type { AskerOnly } from './asker-only.ts';

/** A row of `messages` as delivery works on it. */
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
}

const COLUMNS = `m.id, m.connector, m.room, m.skill, m.key, m.queue, m.content, m.version, m.ring_version, m.removed, m.not_before, m.until, m.thread_key, m.reply_to, m.thread,
  m.digest, m.fold, m.delivered_version, m.sends, m.copies, m.attempt, m.wanted_at, m.offered, m.visible_to, m.respond_token, m.respond_until`;

/** The fence as part of one statement: nothing is written by a holder whose lease has gone. `$1` name, `$2` epoch. */
export const UNSETTLED = 'held as materialized (select 1 from leases where name = $1 and epoch = $2 for key share)';

/** Rows are locked in the order in which handlers lock them, so that nobody waits for each other in a circle. */
const LOCKING = 'order by m.connector, m.room, m.skill, m.key nulls last, m.position for update of m';

/** Rooms of a connector in which something may be sent now, the most urgent first. Walks from room to room, whatever waits in each. */
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
 * What becomes due in rooms before `until`, and when. In one row: thousands of them, which the driver
 * reads one by one, would stop everything else for 10 ms each second.
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

/** What rooms must resolve before anything else: messages with requests that nobody recorded as confirmed, in order. */
export function unresolvedIn(query: Query, connector: string, rooms: readonly string[]): Promise<MessageRow[]> {
  return query<MessageRow>(
    `select ${COLUMNS} from messages m where connector = $1 and room = any($2) and pending and attempt is not null order by queue, position`,
    [connector, rooms],
  );
}

/**
 * What rooms should be sent next, and what is due until then, at most `limit` rows each: replies and pages before bulk, each in
 * order. Found by what is pending, never by a highest id.
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

/** The digest that stands for messages; undefined: it is no more. */
export async function livingDigest(query: Query, id: string): Promise<MessageRow | undefined> {
  const [row] = await query<MessageRow>(`select ${COLUMNS} from messages m where id = $1 and state = 'live'`, [id]);
  return row;
}

/** A message whose digest is no more is on its own from now on. False: it is already, or the lease has gone. */
export async function unfold(query: Query, lease: Lease, row: MessageRow): Promise<boolean> {
  const rows = await query(
    `with ${UNSETTLED} update messages set fold = null from held where messages.id = $3 and fold = $4 returning messages.id`,
    [lease.name, lease.epoch, row.id, row.fold],
  );
  return rows.length > 0;
}

export interface DigestEntry {
  readonly id: string;
  /** The room does not show it as it is. */
  readonly pending: boolean;
  readonly version: number;
  readonly ring_version: number;
  readonly line: string | null;
  readonly removed: boolean;
}

/** The rows that a digest stands for, in order. */
export function digestEntries(query: Query, digest: string): Promise<DigestEntry[]> {
  return query<DigestEntry>(
    `select id, pending, version, ring_version, line, removed from messages where fold = $1 and state = 'live' order by position`,
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

export interface Planned {
  readonly row: MessageRow;
  readonly attempt: Attempt;
}

/**
 * Freezes what is about to be sent, in one commit. Returns the ids of those that did not change meanwhile, and are not being
 * changed right now: one that is locked must not keep the other rooms waiting. None when the lease has gone.
 */
export async function beginAttempts(
  query: Query,
  lease: Lease,
  planned: readonly Planned[],
): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(
    `with ${UNSETTLED}, given as materialized (select * from unnest($3::uuid[], $4::text[], $5::int[]) as g (id, attempt, version)),
     locked as materialized (select m.id from messages m where m.id = any($3) ${LOCKING} skip locked)
     update messages m set attempt = given.attempt from held, given, locked
     where m.id = given.id and m.id = locked.id and m.version = given.version and m.attempt is null and m.fold is null and m.state = 'live' returning m.id`,
    [
      lease.name,
      lease.epoch,
      planned.map(({ row }) => row.id),
      planned.map(({ attempt }) => JSON.stringify(attempt)),
      planned.map(({ row }) => row.version),
    ],
  );
  return new Set(rows.map((row) => row.id));
}

/** Decides anew what is under way. False: the message changed meanwhile, or the lease has gone. */
export async function changeAttempt(query: Query, lease: Lease, { row, attempt }: Planned): Promise<boolean> {
  const rows = await query(
    `with ${UNSETTLED} update messages set attempt = $4 from held
     where messages.id = $3 and attempt is not null and sends = $5 and version = $6 returning messages.id`,
    [lease.name, lease.epoch, row.id, JSON.stringify(attempt), row.sends, row.version],
  );
  return rows.length > 0;
}

/** The platform did nothing: the rows are as if never attempted, and may be folded or changed again. */
export async function withdrawAttempts(query: Query, lease: Lease, rows: readonly MessageRow[]): Promise<void> {
  await rerun(() =>
    query(
      `with ${UNSETTLED}, locked as materialized (select m.id from messages m where m.id = any($3) ${LOCKING})
       update messages m set attempt = null from held, locked, unnest($3::uuid[], $4::int[]) as given (id, sends)
       where m.id = given.id and m.id = locked.id and m.sends = given.sends returning m.id`,
      [lease.name, lease.epoch, rows.map((row) => row.id), rows.map((row) => row.sends)],
    ),
  );
}

export interface Confirmation {
  readonly copies: readonly Copy[];
  /** The attempt with its next step, or null when this was the last. */
  readonly attempt: Attempt | null;
  readonly version: number;
  readonly ring: number;
  /** JSON: what it offers from now on. */
  readonly offered: string;
  /** A new message on the platform, for replies and taps on it. */
  readonly remote: { readonly room: string; readonly id: string } | null;
  readonly members: Attempt['members'];
  /** The bot should add its taps to the newest copy. */
  readonly react: boolean;
}

const FATE_INTO = 'insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)';
/** `rows` needs id, skill, connector, room, key and reason; `once` tells one fate of a row from its next. */
export const reportsOf = (
  state: 'shown' | 'dead' | 'dropped',
  rows: string,
  once: string,
  everyMs = 'null::float8',
): string =>
  `${FATE_INTO} select 'fate', id::text || ':' || ${once} || ':${state}', skill || ':' || key, 'fate', skill, 'fate',
     json_build_object('connector', connector, 'room', room, 'key', key, 'state', '${state}', 'at', clock_timestamp(), 'reason', reason, 'everyMs', ${everyMs})::text, clock_timestamp()
   from ${rows} on conflict (source, source_id) do nothing returning id, lane`;

export interface Confirmed {
  readonly row: MessageRow;
  readonly done: Confirmation;
}

/**
 * Records confirmed requests, with all that follows from them, in one fenced statement. Returns the ids of the rows
 * concerned, and fates as events; a row that is missing was recorded before (by an echo), or the lease has gone.
 */
export async function recordSent(
  query: Query,
  lease: Lease,
  confirmed: readonly Confirmed[],
): Promise<{ readonly recorded: ReadonlySet<string>; readonly fates: readonly Accepted[] }> {
  const members = confirmed.flatMap(({ row, done }) =>
    (done.members ?? []).map((member) => ({ digest: row.id, ...member })),
  );
  const rows = await query<{ id: string | null; event: number | null; lane: string | null }>(
    `with ${UNSETTLED},
     given as materialized (
       select * from unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[], $10::text[], $11::text[], $12::bool[])
         as g (id, sends, copies, attempt, version, ring, offered, remote, place, react)),
     locked as materialized (select m.id from messages m where m.id = any($3) ${LOCKING}),
     sent as (
       update messages m set copies = given.copies, sends = m.sends + 1, attempt = given.attempt,
         delivered_version = case when given.attempt is null then given.version else delivered_version end,
         delivered_ring = case when given.attempt is null then given.ring else delivered_ring end,
         offered = case when given.attempt is null then given.offered else m.offered end, react = m.react or given.react,
         shown_at = case when given.attempt is null then coalesce(shown_at, clock_timestamp()) else shown_at end
       from held, given, locked where m.id = given.id and m.id = locked.id and m.sends = given.sends and m.attempt is not null
       returning m.id, m.connector, m.room, m.key, m.skill, m.reason, m.notify, given.ring, given.remote, given.place, given.attempt is null as finished),
     remote as (
       insert into message_remotes (connector, room, remote_id, message_id) select connector, place, remote, id from sent where remote is not null order by connector, place, remote
       on conflict (connector, room, remote_id) do update set message_id = excluded.message_id),
     members as (
       update messages m set delivered_version = greatest(m.delivered_version, one.version), delivered_ring = greatest(m.delivered_ring, one.ring),
         shown_at = coalesce(m.shown_at, clock_timestamp()),
         -- It rang again while the digest was on its way: that needs a message of its own.
         fold = case when m.ring_version > one.ring then null else m.fold end
       from unnest($13::uuid[], $14::uuid[], $15::int[], $16::int[]) as one (digest, id, version, ring), sent
       where sent.id = one.digest and sent.finished and m.id = one.id and m.fold = sent.id
       returning m.id, m.connector, m.room, m.key, m.skill, m.reason, m.notify, one.ring),
     fate as (${reportsOf(
       'shown',
       `(select id, connector, room, key, skill, reason, notify, ring from sent where finished union all select * from members) shown
        where notify = 'fate' and key is not null`,
       'ring',
     )})
     select id, null::bigint as event, null as lane from sent union all select null, id, lane from fate`,
    [
      lease.name,
      lease.epoch,
      confirmed.map(({ row }) => row.id),
      confirmed.map(({ row }) => row.sends),
      confirmed.map(({ done }) => JSON.stringify(done.copies)),
      confirmed.map(({ done }) => done.attempt && JSON.stringify(done.attempt)),
      confirmed.map(({ done }) => done.version),
      confirmed.map(({ done }) => done.ring),
      confirmed.map(({ done }) => done.offered),
      confirmed.map(({ done }) => done.remote?.id ?? null),
      confirmed.map(({ done }) => done.remote?.room ?? null),
      confirmed.map(({ done }) => done.react),
      members.map((member) => member.digest),
      members.map((member) => member.id),
      members.map((member) => member.version),
      members.map((member) => member.ring),
    ],
  );
  return {
    recorded: new Set(rows.flatMap((one) => (one.id === null ? [] : [one.id]))),
    fates: rows.flatMap((one) => (one.event === null ? [] : [{ id: one.event, lane: one.lane }])),
  };
}

/** Nothing has to be sent: the room shows it already. False: it is under way, or the lease has gone. */
export async function markShown(query: Query, lease: Lease, row: MessageRow, attempt: Attempt): Promise<boolean> {
  const rows = await query(
    `with ${UNSETTLED}, shown as (update messages set delivered_version = $4, delivered_ring = greatest(delivered_ring, $5), offered = $6 from held where messages.id = $3 and attempt is null returning id),
     members as (
       update messages m set delivered_version = greatest(m.delivered_version, given.version), fold = case when m.ring_version > given.ring then null else m.fold end
       from unnest($7::uuid[], $8::int[], $9::int[]) as given (id, version, ring), shown where m.id = given.id and m.fold = shown.id)
     select id from shown`,
    [
      lease.name,
      lease.epoch,
      row.id,
      attempt.version,
      attempt.ring,
      withOffer(row.offered, attempt.version, attempt.actions),
      (attempt.members ?? []).map((one) => one.id),
      (attempt.members ?? []).map((one) => one.version),
      (attempt.members ?? []).map((one) => one.ring),
    ],
  );
  return rows.length > 0;
}

/**
 * Drops what is too late to be worth saying in a room, all at once. Returns the fates of those who want to know; of those
 * who only want to know what was lost, about the last of each skill. `everyMs` is how far apart the room takes messages now; null: it is not slowed down.
 */
export async function dropExpired(
  query: Query,
  lease: Lease,
  place: { readonly connector: string; readonly room: string },
  now: Date,
  everyMs: number | null,
): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with ${UNSETTLED}, locked as materialized (
       select m.id from messages m where m.connector = $3 and m.room = $4 and m.pending and m.until < $5 and m.attempt is null and m.fold is null ${LOCKING}),
     gone as (
       update messages m set state = 'dropped', reason = case when $6::float8 is null then 'it came too late' else 'the room takes messages more slowly' end
       from held, locked where m.id = locked.id returning m.*)
     ${reportsOf(
       'dropped',
       `(select * from gone where notify = 'fate' and key is not null
        union all (select distinct on (skill) * from gone where notify = 'lost' and key is not null order by skill, position desc)) told`,
       'version',
       '$6::float8',
     )}`,
    [lease.name, lease.epoch, place.connector, place.room, now, everyMs],
  );
}

/** What only one account was to see is given up: it is not shown elsewhere, nor carried to another room. */
export async function dropPrivate(query: Query, lease: Lease, row: MessageRow, reason: string): Promise<void> {
  await query(
    `with ${UNSETTLED} update messages set state = 'dropped', reason = $4, attempt = null from held where messages.id = $3`,
    [lease.name, lease.epoch, row.id, reason],
  );
}

export interface Reactable {
  readonly id: string;
  readonly room: string;
  readonly copies: string;
  readonly offered: string | null;
}

/** The newest message that waits for the bot's taps, if its room has nothing more urgent. */
export async function nextReact(query: Query, connector: string, now: Date): Promise<Reactable | undefined> {
  const [row] = await query<Reactable>(
    `select id, room, copies, offered from messages m where connector = $1 and react
       and not exists (select 1 from messages p where p.connector = m.connector and p.pending and (p.not_before is null or p.not_before <= $2)) order by position desc limit 1`,
    [connector, now],
  );
  return row;
}

export async function endReact(query: Query, lease: Lease, ids: readonly string[] | undefined): Promise<void> {
  await query(
    `with ${UNSETTLED} update messages set react = false from held where connector = $3 and react and ($4::uuid[] is null or id = any($4))`,
    [lease.name, lease.epoch, lease.name.replace(/^connector:/, ''), ids ?? null],
  );
}

/**
 * Keeps which id of the platform a room as written stands for. Where that was another one, the room shows nothing any more:
 * what was under way is as if never attempted, and what is shown of a message is forgotten, also of a dead letter, which may
 * be tried again. True: it was another one.
 */
export async function placeRoom(
  query: Query,
  lease: Lease,
  place: { readonly connector: string; readonly written: string; readonly room: string },
): Promise<boolean> {
  const { connector, written, room } = place;
  const rows = await rerun(() =>
    query<{ moved: boolean }>(
      `with ${UNSETTLED},
       before as materialized (select value from connector_state where connector = $3 and key = 'room ' || $4),
       kept as (
         insert into connector_state (connector, key, value) select $3, 'room ' || $4, $5 from held
         on conflict (connector, key) do update set value = excluded.value where connector_state.value <> excluded.value),
       locked as materialized (
         select m.id from messages m, held, before where before.value <> $5 and m.connector = $3 and m.room = $4
           and (m.copies <> '[]' or m.attempt is not null) ${LOCKING}),
       forgotten as (
         -- Its key may be seen in the old room yet, and must not settle what goes to the new one.
         update messages m set copies = '[]', sends = m.sends + (m.attempt is not null)::int, attempt = null, react = false from locked where m.id = locked.id)
       select coalesce((select value <> $5 from before), false) as moved from held`,
      [lease.name, lease.epoch, connector, written, room],
    ),
  );
  const [held] = rows;
  if (!held) throw new LeaseLost(`the lease ${lease.name} is held elsewhere`);
  return held.moved;
}
