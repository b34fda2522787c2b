import type { Query, Transaction } from '../db/database.ts';

/** `unreaction` and `press` are kinds of earlier builds that may still be waiting. */
export type EventKind =
  | 'message'
  | 'reaction'
  | 'interaction'
  | 'unreaction'
  | 'press'
  | 'webhook'
  | 'timer'
  | 'cron'
  | 'task'
  | 'progress'
  | 'service'
  | 'emit'
  | 'fate'
  | 'command';

/** Something that happened, ready to be accepted. `payload` must survive JSON. */
export interface NewEvent {
  readonly source: string;
  /** Unique within `source`, forever; a repeat is ignored. */
  readonly sourceId: string;
  readonly lane?: string | undefined;
  readonly kind: EventKind;
  readonly skill?: string | undefined;
  readonly name?: string | undefined;
  readonly key?: string | undefined;
  /** JSON text. */
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

/** What the dispatcher needs to know about an accepted event. */
export interface Accepted {
  readonly id: number;
  readonly lane: string | null;
  /** `skill name` of the webhook that was called. */
  readonly webhook?: string | null;
}

export const EVENT_COLUMNS =
  'id, source, source_id, lane, kind, skill, name, key, payload, happened_at, accepted_at, late_ms';

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

const WEBHOOK = `case when kind = 'webhook' then skill || ' ' || name end as webhook`;

/** Accepts events in one statement; repeats are left out of the result. */
export function insertEvents(query: Query, events: readonly NewEvent[]): Promise<Accepted[]> {
  return query<Accepted>(
    `${INTO} ${SELECT} from ${UNNEST} order by given.nth on conflict (source, source_id) do nothing returning id, lane, ${WEBHOOK}`,
    columns(events),
  );
}

export interface CursorUpdate {
  readonly connector: string;
  readonly epoch: number;
  readonly lease: string;
  readonly cursor: string | null;
}

/** Accepts a connector's batch and its cursor in one fenced statement. Undefined: another replica holds the lease, and nothing was stored. */
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
export const DUE = `(not_before is null or not_before <= clock_timestamp())`;
/** Events that were new when a replica died are left to `takeSuspects`. */
const READY = `${DUE} and deaths is null`;
/** Which addressed events this program can handle: `skill name` pairs as an SQL array. */
export type Known = string & { readonly known: true };

export function knownLiteral(names: readonly string[]): Known {
  return `(skill is null or skill || ' ' || coalesce(name, '') = any(array[${names.map(quote).join(', ')}]::text[]))` as Known;
}

/** Begins the transaction of one event without a lane and locks it; undefined: another worker has it. */
export async function beginEvent(transaction: Transaction, id: number, known: Known): Promise<EventRow | undefined> {
  const [, [row]] = await Promise.all([
    transaction.script('begin'),
    transaction.query<EventRow>(
      `select ${EVENT_COLUMNS} from events where state = 'new' and ${READY} and ${known} and id = $1 for update skip locked`,
      [id],
    ),
  ]);
  return row;
}

const PARKED = /:tap:\d+$/;

/** The lane where a parked event waits, so that it does not block its own lane. It is not handled there. */
export const parkedLane = (lane: string, id: number): string => (PARKED.test(lane) ? lane : `${lane}:tap:${id}`);

/** The lane that a parked event came from; any other lane is returned as it is. */
export const originalLane = (lane: string): string => lane.replace(PARKED, '');

/**
 * Begins the transaction of a lane's next event under the lane's advisory lock. Undefined: the lane is empty, another worker has
 * it, or its first event must wait or is for a newer program; then those behind it wait too.
 */
export async function beginLane(transaction: Transaction, lane: string, known: Known): Promise<EventRow | undefined> {
  const [, [row]] = await Promise.all([
    transaction.script('begin'),
    transaction.query<EventRow>(
      `with free as materialized (select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as got)
       select ${EVENT_COLUMNS} from (
         select * from events where state = 'new' and lane = $1 and (select got from free) order by id limit 1 for update of events
       ) head where ${READY} and ${known}`,
      [lane],
    ),
  ]);
  return row;
}

/** Approximate limit for the payloads of a batch, in bytes; a larger call is handled alone. */
const MAX_BATCH_BYTES = 65_536;

/** One of several calls of a webhook; one that does not fit has no payload here. */
export interface CallRow extends EventRow {
  readonly fits: boolean;
}

/**
 * Begins one transaction for waiting calls of one webhook, those without a lane by id and the first of some lanes, and locks
 * them. With a short lock timeout, because two such transactions could deadlock.
 */
export async function beginCalls(
  transaction: Transaction,
  webhook: string,
  { ids, lanes }: { readonly ids: readonly number[]; readonly lanes: readonly string[] },
  known: Known,
): Promise<CallRow[]> {
  const [, rows] = await Promise.all([
    transaction.script(`begin; set local lock_timeout = '250ms'`),
    transaction.query<CallRow>(
      `with free as materialized (
         select given.lane as wanted, pg_try_advisory_xact_lock(hashtextextended(given.lane, 0)) as got from unnest($2::text[]) as given (lane)),
       single as materialized (select * from events where state = 'new' and id = any($1) for update skip locked),
       head as materialized (
         select first.* from free cross join lateral (
           select * from events where state = 'new' and lane = wanted and got order by id limit 1 for update of events) first),
       measured as (
         select *, octet_length(payload) as length, sum(octet_length(payload)) over (order by id) as length_so_far
         from (select * from single union all select * from head) found where ${READY} and ${known} and kind = 'webhook' and skill || ' ' || name = $3)
       select id, source, source_id, lane, kind, skill, name, key, fits, case when fits then payload else '' end as payload, happened_at, accepted_at, late_ms
       from (select *, length_so_far <= ${MAX_BATCH_BYTES} or length_so_far = length as fits from measured) all_of_them order by id`,
      [ids, lanes, webhook],
    ),
  ]);
  return rows;
}

/** Ends the transaction: the events are done and their payloads are deleted. `result` is from a closed list. */
export async function commitEvents(transaction: Transaction, ids: readonly number[], result: string): Promise<void> {
  // If the first statement fails, the commit rolls back.
  await Promise.all([
    transaction.query(
      `update events set state = 'done', result = $2, payload = null, handled_at = clock_timestamp() where id = any($1)`,
      [ids, result],
    ),
    transaction.script('commit'),
  ]);
}

export const CHAT: readonly string[] = ['message', 'reaction', 'interaction', 'unreaction', 'press'];

/** Whether it is something a person did in a room. */
export function isChat(row: EventRow): boolean {
  return CHAT.includes(row.kind);
}

/** Marks an event as failed for good, keeping its payload. False: it is no longer new. */
export async function failEvent(query: Query, id: number, errorId: string): Promise<boolean> {
  const rows = await query(
    `update events set state = 'failed', error_id = $2, result = 'failed', handled_at = clock_timestamp() where id = $1 and state = 'new' returning id`,
    [id, errorId],
  );
  return rows.length > 0;
}

/** Delays an event, which keeps its place in its lane. Returns its tries; undefined when it is no longer new. */
export async function retryLater(query: Query, id: number): Promise<number | undefined> {
  const [row] = await query<{ tries: number }>(
    `update events set tries = tries + 1, not_before = clock_timestamp() + least(30, 0.5 * 2 ^ tries) * interval '1 second' where id = $1 and state = 'new' returning tries`,
    [id],
  );
  return row?.tries;
}

/** Moves an event to another lane, to be handled after `waitMs`. */
export async function moveEvent(transaction: Transaction, id: number, lane: string, waitMs: number): Promise<void> {
  await transaction.query(
    // For a suspect: the attempt ended without crashing the process.
    `update events set lane = $2, not_before = clock_timestamp() + $3 * interval '1 millisecond', deaths = deaths - 1 where id = $1`,
    [id, lane, waitMs],
  );
  await transaction.script('commit');
}

/** Newer events than these are read only if most of the oldest must wait or share lanes. */
const SCAN_OLDEST = 4000;
const ENOUGH = 250;

/** New events that this program may handle now, roughly oldest first; of each lane only the first. */
export async function findNew(query: Query, known: Known, limit: number): Promise<Accepted[]> {
  const oldest = await query<{ seen: number; id: number | null; lane: string | null; webhook: string | null }>(
    `with oldest as materialized (select id, lane, kind, not_before, deaths, skill, name from events where state = 'new' order by id limit ${SCAN_OLDEST})
     select seen, found.* from (select count(*)::int as seen from oldest) all_of_them left join (
       select id, lane, ${WEBHOOK} from oldest where lane is null and ${READY} and ${known}
       union all select id, lane, ${WEBHOOK} from (select distinct on (lane) * from oldest where lane is not null order by lane, id) head where ${READY} and ${known}
       order by id limit $1) found on true`,
    [limit],
  );
  const found = oldest.flatMap(({ id, lane, webhook }) => (id === null ? [] : [{ id, lane, webhook }]));
  return found.length >= ENOUGH || (oldest[0]?.seen ?? 0) < SCAN_OLDEST ? found : findEverywhere(query, known, limit);
}

/** Skips from lane to lane: the cost depends on the number of lanes, not of events. */
function findEverywhere(query: Query, known: Known, limit: number): Promise<Accepted[]> {
  return query<Accepted>(
    `with recursive lanes as (
       (select lane from events where state = 'new' and lane is not null order by lane limit 1)
       union all
       select (select e.lane from events e where state = 'new' and e.lane > lanes.lane order by e.lane limit 1) from lanes where lanes.lane is not null)
     (select id, lane, ${WEBHOOK} from events where state = 'new' and lane is null and ${READY} and ${known} order by id limit $1)
     union all (select id, lane, ${WEBHOOK} from (
       select first.* from lanes cross join lateral (
         select id, lane, kind, not_before, deaths, skill, name from events e where state = 'new' and e.lane = lanes.lane order by id limit 1) first) head
       where ${READY} and ${known} order by id limit $1)`,
    [limit],
  );
}
