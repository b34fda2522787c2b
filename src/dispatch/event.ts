import type { Query, Transaction } from '../db/database.ts';

export type EventKind =
  'message' | 'reaction' | 'unreaction' | 'press' | 'webhook' | 'timer' | 'cron' | 'task' | 'emit' | 'fate';

/** Something that happened, ready to be accepted. `payload` must survive JSON. */
export interface NewEvent {
  readonly source: string;
  /** Unique within `source` for ever; a repeat is dropped. */
  readonly sourceId: string;
  readonly lane?: string | undefined;
  readonly kind: EventKind;
  readonly skill?: string | undefined;
  readonly name?: string | undefined;
  readonly key?: string | undefined;
  /** JSON. A string is taken to be JSON already. */
  readonly payload: string;
  readonly happenedAt: Date;
  readonly lateMs?: number;
}

/** An accepted event, locked by the transaction that handles it. */
export interface EventRow {
  readonly id: number;
  readonly source: string;
  readonly source_id: string;
  readonly lane: string | null;
  readonly kind: EventKind;
  readonly skill: string | null;
  readonly name: string | null;
  readonly key: string | null;
  readonly payload: string;
  readonly happened_at: Date;
  readonly accepted_at: Date;
  readonly late_ms: number;
}

/** What a worker is woken with. */
export interface Accepted {
  readonly id: number;
  readonly lane: string | null;
}

const EVENT_COLUMNS = 'id, source, source_id, lane, kind, skill, name, key, payload, happened_at, accepted_at, late_ms';

const columns = (events: readonly NewEvent[]): unknown[] => [
  events.map((event) => event.source),
  events.map((event) => event.sourceId),
  events.map((event) => event.lane ?? null),
  events.map((event) => event.kind),
  events.map((event) => event.skill ?? null),
  events.map((event) => event.name ?? null),
  events.map((event) => event.key ?? null),
  events.map((event) => event.payload),
  events.map((event) => event.happenedAt),
  events.map((event) => event.lateMs ?? 0),
];

const UNNEST = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::bigint[])
  with ordinality as given (source, source_id, lane, kind, skill, name, key, payload, happened_at, late_ms, nth)`;
const INTO = 'insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at, late_ms)';
const SELECT =
  'select given.source, given.source_id, given.lane, given.kind, given.skill, given.name, given.key, given.payload, given.happened_at, given.late_ms';

/** Accepts what arrived together, in one statement; repeats are left out of the answer. */
export function insertEvents(query: Query, events: readonly NewEvent[]): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `${INTO} ${SELECT} from ${UNNEST} order by given.nth on conflict (source, source_id) do nothing returning id, lane`,
    columns(events),
  );
}

export interface CursorUpdate {
  readonly connector: string;
  readonly epoch: number;
  readonly lease: string;
  readonly cursor: string | null;
}

/** Accepts a connector's batch and its cursor in one fenced statement. Undefined: the lease is held elsewhere, nothing was stored. */
export async function insertBatch(
  query: Query,
  events: readonly NewEvent[],
  update: CursorUpdate,
): Promise<Accepted[] | undefined> {
  const rows = await query<{ held: boolean; id: number | null; lane: string | null }>(
    `with held as materialized (select 1 from leases where name = $11 and epoch = $12 for key share),
     moved as (
       insert into cursors (connector, cursor, stored_at) select $13, $14, clock_timestamp() from held where $14::text is not null
       on conflict (connector) do update set cursor = excluded.cursor, stored_at = excluded.stored_at),
     accepted as (${INTO} ${SELECT} from held, ${UNNEST} order by given.nth on conflict (source, source_id) do nothing returning id, lane)
     select true as held, accepted.id, accepted.lane from held left join accepted on true order by accepted.id`,
    [...columns(events), update.lease, update.epoch, update.connector, update.cursor],
  );
  if (rows.length === 0) return undefined;
  return rows.flatMap((row) => (row.id === null ? [] : [{ id: row.id, lane: row.lane }]));
}

export async function readCursor(
  query: Query,
  connector: string,
): Promise<{ cursor: string; stored_at: Date } | undefined> {
  const [row] = await query<{ cursor: string; stored_at: Date }>(
    'select cursor, stored_at from cursors where connector = $1',
    [connector],
  );
  return row;
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const DUE = `(not_before is null or not_before <= clock_timestamp())`;
/** What was new when a replica died is left to `takeSuspects`. */
const FREE = `${DUE} and deaths is null`;
/** Which addressed events this program can handle: `skill name` pairs as an SQL array. */
export type Known = string & { readonly known: true };

export function knownLiteral(names: readonly string[]): Known {
  return `(skill is null or skill || ' ' || coalesce(name, '') = any(array[${names.map(quote).join(', ')}]::text[]))` as Known;
}

/** Begins the transaction of one event without a lane and locks it; undefined: another took it. */
export async function beginEvent(transaction: Transaction, id: number, known: Known): Promise<EventRow | undefined> {
  const [, [row]] = await Promise.all([
    transaction.script('begin'),
    transaction.query<EventRow>(
      `select ${EVENT_COLUMNS} from events where state = 'new' and ${FREE} and ${known} and id = $1 for update skip locked`,
      [id],
    ),
  ]);
  return row;
}

/**
 * Begins the transaction of a lane's next event under the lane's advisory lock. Undefined: the lane is empty, another
 * works it, or its first event must wait or is for a newer program; what is behind it waits too.
 */
export async function beginLane(transaction: Transaction, lane: string, known: Known): Promise<EventRow | undefined> {
  const [, [row]] = await Promise.all([
    transaction.script('begin'),
    transaction.query<EventRow>(
      `with free as materialized (select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as got)
       select ${EVENT_COLUMNS} from (
         select * from events where state = 'new' and lane = $1 and (select got from free) order by id limit 1 for update of events
       ) head where ${FREE} and ${known}`,
      [lane],
    ),
  ]);
  return row;
}

/** Ends the transaction: the event is done, its payload dropped. `result` comes from a closed list. */
export async function commitEvent(transaction: Transaction, id: number, result: string): Promise<void> {
  // Where the first fails, the second rolls back.
  await Promise.all([
    transaction.query(
      `update events set state = 'done', result = $2, payload = null, handled_at = clock_timestamp() where id = $1`,
      [id, result],
    ),
    transaction.script('commit'),
  ]);
}

const CHAT: readonly string[] = ['message', 'reaction', 'unreaction', 'press'];

/** What a person did in a room. */
export function isChat(row: EventRow): boolean {
  return CHAT.includes(row.kind);
}

/** Events that one transaction takes from lanes: what it has no time for was read and locked for nothing. */
const FROM_LANES = 32;
const FROM_ONE_LANE = 8;

/** How many of each lane one transaction takes when it works on so many. */
export function takenOfEach(lanes: number): number {
  return Math.max(1, Math.min(FROM_ONE_LANE, Math.floor(FROM_LANES / lanes)));
}

/** Bytes of a payload from which on it is not read together with others: 32 of a megabyte each would be a lot at one time. */
const LARGE = 256 * 1024;
const MANY_COLUMNS = `id, source, source_id, lane, kind, skill, name, key, octet_length(payload) > ${LARGE} as large,
  case when octet_length(payload) > ${LARGE} then '' else payload end as payload, happened_at, accepted_at, late_ms`;

/** One of several events of a transaction; a `large` one comes without its payload and is to be handled alone. */
export interface SharedRow extends EventRow {
  readonly large: boolean;
}

/**
 * Begins one transaction for several events, those without a lane by id and the first of some lanes, and locks them. It
 * waits for other transactions only briefly: two such might wait for each other.
 */
export async function beginMany(
  transaction: Transaction,
  ids: readonly number[],
  lanes: readonly string[],
  known: Known,
): Promise<SharedRow[]> {
  const [, alone, inLanes] = await Promise.all([
    transaction.script(`begin; set local lock_timeout = '250ms'`),
    transaction.query<SharedRow>(
      `select ${MANY_COLUMNS} from events where state = 'new' and ${FREE} and ${known} and id = any($1) order by id for update skip locked`,
      [ids],
    ),
    transaction.query<SharedRow & { fit: boolean }>(
      `with free as materialized (
         select given.lane as wanted, pg_try_advisory_xact_lock(hashtextextended(given.lane, 0)) as got from unnest($1::text[]) as given (lane))
       select ${MANY_COLUMNS}, ${FREE} and ${known} as fit from free cross join lateral (
         select * from events where state = 'new' and lane = wanted and got order by id limit $2 for update of events) head
       order by id`,
      [lanes, takenOfEach(lanes.length)],
    ),
  ]);
  // What must wait, or is for a newer program, keeps what is behind it in its lane waiting.
  const waiting = new Set<string | null>();
  const fit = inLanes.filter((row) => {
    if (!row.fit) waiting.add(row.lane);
    return !waiting.has(row.lane);
  });
  return [...alone, ...fit];
}

/** Ends the transaction of several events; all went well. */
export async function commitMany(transaction: Transaction, ids: readonly number[]): Promise<void> {
  await Promise.all([
    transaction.query(
      `update events set state = 'done', result = 'ok', payload = null, handled_at = clock_timestamp() where id = any($1)`,
      [ids],
    ),
    transaction.script('commit'),
  ]);
}

/** Marks an event as failed for good, keeping its payload. False: it is not new any more. */
export async function failEvent(query: Query, id: number, errorId: string): Promise<boolean> {
  const rows = await query(
    `update events set state = 'failed', error_id = $2, result = 'failed', handled_at = clock_timestamp() where id = $1 and state = 'new' returning id`,
    [id, errorId],
  );
  return rows.length > 0;
}

/** The database was slow or locked: the event stays where it is in its lane and is tried again after a while. Returns its tries, or undefined when it is not new any more. */
export async function retryLater(query: Query, id: number): Promise<number | undefined> {
  const [row] = await query<{ tries: number }>(
    `update events set tries = tries + 1, not_before = clock_timestamp() + least(30, 0.5 * 2 ^ tries) * interval '1 second' where id = $1 and state = 'new' returning tries`,
    [id],
  );
  return row?.tries;
}

/** Puts an event aside for a while, out of its lane's way. */
export async function postponeEvent(transaction: Transaction, id: number, lane: string, waitMs: number): Promise<void> {
  await transaction.query(
    // A suspected one that waits ended, and no program with it.
    `update events set lane = $2, not_before = clock_timestamp() + $3 * interval '1 millisecond', deaths = deaths - 1 where id = $1`,
    [id, lane, waitMs],
  );
  await transaction.script('commit');
}

/** Newer events than these are looked at only where the oldest must wait, or are of few lanes. */
const OLDEST = 4000;
const ENOUGH = 250;

/** Events that nobody has handled yet and this program may handle now, about the oldest first; of each lane the first. */
export async function findNew(query: Query, known: Known, limit: number): Promise<Accepted[]> {
  const oldest = await query<{ seen: number; id: number | null; lane: string | null }>(
    `with oldest as materialized (select id, lane, not_before, deaths, skill, name from events where state = 'new' order by id limit ${OLDEST})
     select seen, found.id, found.lane from (select count(*)::int as seen from oldest) all_of_them left join (
       select id, lane from oldest where lane is null and ${FREE} and ${known}
       union all select id, lane from (select distinct on (lane) * from oldest where lane is not null order by lane, id) head where ${FREE} and ${known}
       order by id limit $1) found on true`,
    [limit],
  );
  const found = oldest.flatMap(({ id, lane }) => (id === null ? [] : [{ id, lane }]));
  return found.length >= ENOUGH || (oldest[0]?.seen ?? 0) < OLDEST ? found : findEverywhere(query, known, limit);
}

/** Walks from lane to lane, whatever waits in each: what it costs depends on how many they are. */
function findEverywhere(query: Query, known: Known, limit: number): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with recursive lanes as (
       (select lane from events where state = 'new' and lane is not null order by lane limit 1)
       union all
       select (select e.lane from events e where state = 'new' and e.lane > lanes.lane order by e.lane limit 1) from lanes where lanes.lane is not null)
     (select id, lane from events where state = 'new' and lane is null and ${FREE} and ${known} order by id limit $1)
     union all (select id, lane from (
       select first.* from lanes cross join lateral (
         select id, lane, not_before, deaths, skill, name from events e where state = 'new' and e.lane = lanes.lane order by id limit 1) first) head
       where ${FREE} and ${known} order by id limit $1)`,
    [limit],
  );
}

/** So many are marked by one statement: 100,000 took 14 s, and a statement may take 10. */
const MARKED_AT_ONCE = 2000;

/** What was new when a replica died may have killed it. Returns how many events are suspected from now on. */
export async function suspectNew(query: Query, acceptedBefore: Date): Promise<number> {
  let count = 0;
  for (let after: number | null = 0; after !== null;) {
    const [marked]: { count: number; last: number | null }[] = await query(
      // Locked: somebody who lives has it.
      `with unmarked as materialized (
         select id from events where state = 'new' and deaths is null and accepted_at <= $1 and id > $2 order by id limit ${MARKED_AT_ONCE} for update skip locked),
       marked as (update events set deaths = 0 where id = any(array(select id from unmarked)) returning id)
       select count(*)::int as count, max(id) as last from marked`,
      [acceptedBefore, after],
    );
    count += marked?.count ?? 0;
    after = marked?.last ?? null;
  }
  return count;
}

/** A suspected event, taken: the try that follows is counted. */
export interface Suspect extends Accepted {
  /** Tries before this one; none of them ended. */
  readonly deaths: number;
}

/** Longer than most handlers take: another replica that takes it meanwhile would count a try that is only slow. */
const SUSPECT_PAUSE = `interval '2 s'`;
/** Of those never tried since; to look for each by itself cost 1 s among 50,000. */
const SUSPECTS_AT_ONCE = 32;

/**
 * Takes the next suspected events, what people said first, and counts a try of each: one that was tried before by itself, or
 * several that were not. Whether each is the first of its lane shows when it is begun.
 */
export async function takeSuspects(query: Query, known: Known): Promise<Suspect[]> {
  const rows = await query<Suspect>(
    `with next as materialized (
       select id, deaths, kind = any('{${CHAT.join(',')}}') as said from events where state = 'new' and deaths is not null and ${DUE} and ${known}
       order by said desc, id limit ${SUSPECTS_AT_ONCE} for update skip locked),
     first as materialized (select id, deaths from next order by said desc, id limit 1)
     update events set deaths = events.deaths + 1, not_before = clock_timestamp() + ${SUSPECT_PAUSE}
     where id = any(array(select next.id from next, first where next.id = first.id or (next.deaths = 0 and first.deaths = 0)))
     returning id, lane, deaths - 1 as deaths`,
    [],
  );
  return rows.toSorted((one, other) => one.id - other.id);
}

/** Takes back what was counted for tries that did not end, but did not end the program either. */
export async function uncountTries(query: Query, ids: readonly number[]): Promise<void> {
  await query(`update events set deaths = deaths - 1 where id = any($1) and state = 'new' and deaths > 0`, [ids]);
}

/** Begins the transaction of a suspected event that was taken; undefined: it is not new any more, or not the first of its lane. */
export async function beginSuspect(transaction: Transaction, { id, lane }: Suspect): Promise<EventRow | undefined> {
  const [, , [row]] = await Promise.all([
    transaction.script('begin'),
    transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0)) where $1 is not null', [lane]),
    transaction.query<EventRow>(
      `select ${EVENT_COLUMNS} from events e where state = 'new' and id = $1
         and not exists (select 1 from events before where before.state = 'new' and before.lane = e.lane and before.id < e.id) for update of e`,
      [id],
    ),
  ]);
  return row;
}

export interface FailedEvent {
  readonly id: number;
  readonly source: string;
  readonly kind: string;
  readonly skill: string | null;
  readonly name: string | null;
  readonly accepted_at: Date;
  readonly error_id: string | null;
  readonly message: string | null;
  readonly payload: string | null;
}

export function listFailed(query: Query, limit: number): Promise<FailedEvent[]> {
  return query<FailedEvent>(
    `select events.id, source, events.kind, events.skill, name, accepted_at, error_id, message, payload
     from events left join errors on errors.id = error_id where state = 'failed' order by events.id desc limit $1`,
    [limit],
  );
}

/** How many events failed and wait for a person, and when the last one did. */
export async function countFailed(query: Query): Promise<{ count: number; lastAt: Date | null }> {
  const [row] = await query<{ count: number; lastAt: Date | null }>(
    `select count(*)::int as count, max(handled_at) as "lastAt" from events where state = 'failed'`,
  );
  return row ?? { count: 0, lastAt: null };
}

/** Makes failed events new again; `ids` undefined: all of them. Returns those that were. */
export function replayFailed(query: Query, ids: readonly number[] | undefined): Promise<{ id: number }[]> {
  return query<{ id: number }>(
    `update events set state = 'new', error_id = null, result = null, handled_at = null, not_before = null, deaths = case when deaths is not null then 0 end where state = 'failed' and ($1::bigint[] is null or id = any($1)) returning id`,
    [ids ?? null],
  );
}
