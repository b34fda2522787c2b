import type { Query, Transaction } from '../db/database.ts';
import { CHAT, DUE, EVENT_COLUMNS, type Accepted, type EventRow, type Known } from './event.ts';

/** Events marked by one statement: 100,000 took 14 s, and the statement timeout is 10 s. */
const MARKED_AT_ONCE = 2000;

/** Marks events that were new when a replica died, as one of them may have crashed it. Returns how many were marked. */
export async function markSuspects(query: Query, acceptedBefore: Date): Promise<number> {
  let count = 0;
  for (let after: number | null = 0; after !== null;) {
    const [marked]: { count: number; last: number | null }[] = await query(
      // Locked ones are skipped: a live replica is handling them.
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

/** A suspected event that was taken; the attempt that follows is counted already. */
export interface Suspect extends Accepted {
  /** Earlier attempts, none of which completed. */
  readonly deaths: number;
}

/** Longer than most handlers take: another replica that takes the event would count a slow attempt as a crash. */
const SUSPECT_PAUSE = `interval '2 s'`;
/** Suspects without an attempt that are taken together; searching for each one cost 1 s among 50,000. */
const SUSPECTS_AT_ONCE = 32;

/**
 * Takes the next suspects, those from people first, and counts an attempt for each: a single one that was attempted before, or
 * several that were not. Whether each is the first of its lane is checked when it begins.
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

/** Uncounts attempts that did not complete, but did not crash the process either. */
export async function uncountTries(query: Query, ids: readonly number[]): Promise<void> {
  await query(`update events set deaths = deaths - 1 where id = any($1) and state = 'new' and deaths > 0`, [ids]);
}

/** Begins the transaction of a suspect; undefined: it is no longer new, or not the first of its lane. */
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
