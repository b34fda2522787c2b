import type { Query, Transaction } from '../db/database.ts';

/** `unreaction` and `press`: accepted by the build before, and still waiting. */
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

/** Accepts what arrived together, in one statement; repeats are left out of the answer. */
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
export const DUE = `(not_before is null or not_before <= clock_timestamp())`;
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

const ASIDE = /:tap:\d+$/;

/** The lane of its own that an event waits in, out of the way of its lane. It is not handled there. */
export const asideOf = (lane: string, id: number): string => (ASIDE.test(lane) ? lane : `${lane}:tap:${id}`);

/** The lane that an event was put aside from; of any other lane that one itself. */
export const laneBefore = (lane: string): string => lane.replace(ASIDE, '');

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

/** Characters of payloads in one call, about: a large one is better handled by itself. */
const CALL = 65_536;

/** One of several calls of a webhook; one that is left comes without its payload. */
export interface CallRow extends EventRow {
  readonly fits: boolean;
}

/**
 * Begins one transaction for waiting calls of one webhook, those without a lane by id and the first of some lanes, and locks
 * them. It waits for other transactions only briefly: two such might wait for each other.
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
         from (select * from single union all select * from head) found where ${FREE} and ${known} and kind = 'webhook' and skill || ' ' || name = $3)
       select id, source, source_id, lane, kind, skill, name, key, fits, case when fits then payload else '' end as payload, happened_at, accepted_at, late_ms
       from (select *, length_so_far <= ${CALL} or length_so_far = length as fits from measured) all_of_them order by id`,
      [ids, lanes, webhook],
    ),
  ]);
  return rows;
}

/** Ends the transaction: the events are done, their payloads dropped. `result` comes from a closed list. */
export async function commitEvents(transaction: Transaction, ids: readonly number[], result: string): Promise<void> {
  // Where the first fails, the second rolls back.
  await Promise.all([
    transaction.query(
      `update events set state = 'done', result = $2, payload = null, handled_at = clock_timestamp() where id = any($1)`,
      [ids, result],
    ),
    transaction.script('commit'),
  ]);
}

export const CHAT: readonly string[] = ['message', 'reaction', 'interaction', 'unreaction', 'press'];

/** What a person did in a room. */
export function isChat(row: EventRow): boolean {
  return CHAT.includes(row.kind);
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

/** Moves an event to another lane, to be looked at after a while. */
export async function moveEvent(transaction: Transaction, id: number, lane: string, waitMs: number): Promise<void> {
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
  const oldest = await query<{ seen: number; id: number | null; lane: string | null; webhook: string | null }>(
    `with oldest as materialized (select id, lane, kind, not_before, deaths, skill, name from events where state = 'new' order by id limit ${OLDEST})
     select seen, found.* from (select count(*)::int as seen from oldest) all_of_them left join (
       select id, lane, ${WEBHOOK} from oldest where lane is null and ${FREE} and ${known}
       union all select id, lane, ${WEBHOOK} from (select distinct on (lane) * from oldest where lane is not null order by lane, id) head where ${FREE} and ${known}
       order by id limit $1) found on true`,
    [limit],
  );
  const found = oldest.flatMap(({ id, lane, webhook }) => (id === null ? [] : [{ id, lane, webhook }]));
  return found.length >= ENOUGH || (oldest[0]?.seen ?? 0) < OLDEST ? found : findEverywhere(query, known, limit);
}

/** Walks from lane to lane, whatever waits in each: what it costs depends on how many they are. */
function findEverywhere(query: Query, known: Known, limit: number): Promise<Accepted[]> {
  return query<Accepted>(
    `with recursive lanes as (
       (select lane from events where state = 'new' and lane is not null order by lane limit 1)
       union all
       select (select e.lane from events e where state = 'new' and e.lane > lanes.lane order by e.lane limit 1) from lanes where lanes.lane is not null)
     (select id, lane, ${WEBHOOK} from events where state = 'new' and lane is null and ${FREE} and ${known} order by id limit $1)
     union all (select id, lane, ${WEBHOOK} from (
       select first.* from lanes cross join lateral (
         select id, lane, kind, not_before, deaths, skill, name from events e where state = 'new' and e.lane = lanes.lane order by id limit 1) first) head
       where ${FREE} and ${known} order by id limit $1)`,
    [limit],
  );
}
