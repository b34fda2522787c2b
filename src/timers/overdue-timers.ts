import type { Query } from '../db/database.ts';
import { fireDue } from './timer.ts';

/** Timers of one kind that are overdue. */
export interface Overdue {
  readonly skill: string;
  readonly name: string;
  readonly count: number;
  /** When the first of them was due. */
  readonly since: Date;
}

export interface Recovered {
  /** Replicas with a heartbeat in the last 10 s. */
  readonly replicas: number;
  /** Turned into events: a live replica handles them within a second, otherwise the next one that starts. */
  readonly handedOver: readonly Overdue[];
  /** Not in `known`, and left unchanged. */
  readonly unknown: readonly Overdue[];
  /** Timers that fired longer ago than `olderThanMs` and have not been handled. */
  readonly unhandled: readonly Overdue[];
}

export interface RecoverOptions {
  readonly olderThanMs: number;
  /** `skill name` pairs. */
  readonly known: readonly string[];
}

const BATCH = 500;

/**
 * Fires timers that have been overdue for longer than `olderThanMs`, except those being fired or handled right now. The statement
 * that deletes a timer also inserts its event, so this is safe to run at any time, repeatedly, and alongside replicas.
 */
export async function recoverTimers(query: Query, { olderThanMs, known }: RecoverOptions): Promise<Recovered> {
  const [time] = await query<{ limit: Date; replicas: number }>(
    `select clock_timestamp() - $1 * interval '1 millisecond' as limit,
       (select count(*)::int from replicas where seen_at > clock_timestamp() - interval '10 s') as replicas`,
    [olderThanMs],
  );
  if (!time) throw new Error('the database returned no time');
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

/** Timers being fired right now are locked and skipped. */
function listOverdue(query: Query, limit: Date): Promise<Overdue[]> {
  return query<Overdue>(
    `select skill, name, count(*)::int as count, min(due_at) as since
     from (select skill, name, due_at from timers where due_at <= $1 and not held for update skip locked) due
     group by skill, name order by skill, name`,
    [limit],
  );
}

/** Timers being handled right now are locked and skipped. */
function listUnhandled(query: Query, limit: Date): Promise<Overdue[]> {
  return query<Overdue>(
    `select skill, name, count(*)::int as count, min(happened_at) as since
     from (select skill, name, happened_at from events where state = 'new' and kind = 'timer' and accepted_at <= $1 for update skip locked) fired
     group by skill, name order by skill, name`,
    [limit],
  );
}
