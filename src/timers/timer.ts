import type { Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';

/** A timer set by a handler. Each setting has its own `id`, so that a replaced timer cannot fire. */
export interface NewTimer {
  readonly id: string;
  readonly skill: string;
  readonly key: string;
  readonly name: string;
  readonly payload: string;
  readonly dueAt: Date;
}

/**
 * Sets timers, replacing those with the same key. The event of one that fired but was not handled is cancelled. One that is being
 * handled right now is not waited for: its handler checks the state under its own locks.
 */
export async function writeTimers(query: Query, timers: readonly NewTimer[]): Promise<void> {
  const sorted = [...new Map(timers.map((timer) => [`${timer.skill}\n${timer.key}`, timer])).values()].sort((a, b) =>
    `${a.skill}\n${a.key}` < `${b.skill}\n${b.key}` ? -1 : 1,
  );
  await query(
    `with given as (select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]) as g (id, skill, key, name, payload, due_at)),
     taken_back as (update events set state = 'done', result = 'replaced', payload = null, handled_at = clock_timestamp() where id = any(array(
       select events.id from events join given using (skill, key) where state = 'new' and events.kind = 'timer' for update of events skip locked)))
     insert into timers (id, skill, key, name, payload, due_at) select id, skill, key, name, payload, due_at from given order by skill, key
     on conflict (skill, key) do update set id = excluded.id, name = excluded.name, payload = excluded.payload, due_at = excluded.due_at, held = false`,
    [
      sorted.map((t) => t.id),
      sorted.map((t) => t.skill),
      sorted.map((t) => t.key),
      sorted.map((t) => t.name),
      sorted.map((t) => t.payload),
      sorted.map((t) => t.dueAt),
    ],
  );
}

/** Cancels timers, including those that fired but were not handled; see `writeTimers`. */
export async function cancelTimers(query: Query, skill: string, keys: readonly string[]): Promise<void> {
  await query(
    `with taken_back as (update events set state = 'done', result = 'cancelled', payload = null, handled_at = clock_timestamp() where id = any(array(
       select id from events where state = 'new' and kind = 'timer' and skill = $1 and key = any($2) for update skip locked)))
     delete from timers where id = any(array(select id from timers where skill = $1 and key = any($2) order by key for update))`,
    [skill, keys],
  );
}

/**
 * Turns due timers into events in one statement, so that each fires once, however many replicas look. Only those in `known`, which
 * has `skill name` pairs. Uses an array rather than `in (select …)`, here and elsewhere: a plan made while the table was empty
 * would join row by row.
 */
export function fireDue(query: Query, now: Date, known: readonly string[], limit: number): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with due as (delete from timers where id = any(array(
       select id from timers where due_at <= $1 and not held and skill || ' ' || name = any($2) order by due_at limit $3 for update skip locked)) returning *)
     insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at)
     select 'timer', id::text, skill || ':' || key, 'timer', skill, name, key, payload, due_at from due order by due_at
     on conflict (source, source_id) do nothing returning id, lane`,
    [now, known, limit],
  );
}

/** When the next timer is due; undefined if there is none. */
export async function nextDue(query: Query, known: readonly string[]): Promise<Date | undefined> {
  const [row] = await query<{ due_at: Date | null }>(
    `select due_at from timers where not held and skill || ' ' || name = any($1) order by due_at limit 1`,
    [known],
  );
  return row?.due_at ?? undefined;
}
