import type { Query, Transaction } from '../db/database.ts';
import { CHAT, DUE, EVENT_COLUMNS, type Accepted, type EventRow, type Known } from './event.ts';

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
