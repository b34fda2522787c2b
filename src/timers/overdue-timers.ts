import type { Query } from '../db/database.ts';
import { fireDue } from './timer.ts';

/** Timers of one kind that nobody fired. */
export interface Overdue {
  readonly skill: string;
  readonly name: string;
  readonly count: number;
  /** When the first of them was due. */
  readonly since: Date;
}

export interface Recovered {
  /** Replicas that said within 10 s that they live. */
  readonly replicas: number;
  /** Now events: whoever lives handles them within a second, else the next replica that starts. */
  readonly handedOver: readonly Overdue[];
  /** Of a skill, or a kind of timer, that `known` does not name: left as they are. */
  readonly unknown: readonly Overdue[];
  /** Timers that fired longer ago than that, and have not been handled. */
  readonly unhandled: readonly Overdue[];
}

export interface RecoverOptions {
  readonly olderThanMs: number;
  /** `skill name` pairs. */
  readonly known: readonly string[];
}

const BATCH = 500;

/**
 * Fires the timers that are overdue for longer than `olderThanMs` and that nobody is firing or handling at this moment.
 * A timer fires by becoming an event in the statement that deletes it, so this may run at any time, twice, and beside
 * replicas that do the same.
 */
export async function recoverTimers(query: Query, { olderThanMs, known }: RecoverOptions): Promise<Recovered> {
  const [time] = await query<{ limit: Date; replicas: number }>(
    `select clock_timestamp() - $1 * interval '1 millisecond' as limit,
       (select count(*)::int from replicas where seen_at > clock_timestamp() - interval '10 s') as replicas`,
    [olderThanMs],
  );
  if (!time) throw new Error('the database gave no time');
  const unhandled = await listUnhandled(query, time.limit);
  const overdue = await listOverdue(query, time.limit);
  const isKnown = ({ skill, name }: Overdue): boolean => known.includes(`${skill} ${name}`);
  let fired: number;
  do fired = (await fireDue(query, time.limit, known, BATCH)).length;
  while (fired === BATCH);
  return {
    replicas: time.replicas,
    handedOver: overdue.filter(isKnown),
    unknown: overdue.filter((one) => !isKnown(one)),
    unhandled,
  };
}

/** What somebody is firing right now is locked and left out. */
function listOverdue(query: Query, limit: Date): Promise<Overdue[]> {
  return query<Overdue>(
    `select skill, name, count(*)::int as count, min(due_at) as since
     from (select skill, name, due_at from timers where due_at <= $1 and not held for update skip locked) due
     group by skill, name order by skill, name`,
    [limit],
  );
}

/** What somebody is handling right now is locked and left out. */
function listUnhandled(query: Query, limit: Date): Promise<Overdue[]> {
  return query<Overdue>(
    `select skill, name, count(*)::int as count, min(happened_at) as since
     from (select skill, name, happened_at from events where state = 'new' and kind = 'timer' and accepted_at <= $1 for update skip locked) fired
     group by skill, name order by skill, name`,
    [limit],
  );
}
