import type { Query } from '../db/database.ts';

/** Work of one kind that a restore holds, because it may have been done after the backup. */
export interface HeldWork {
  readonly kind: 'timer' | 'task';
  readonly skill: string;
  readonly name: string;
  readonly count: number;
  /** When the first of them was due, or was requested. */
  readonly since: Date;
}

/** Held tasks wait for a time that is never reached; see `restore`. */
const TASK_HELD = `state = 'queued' and run_at = 'infinity'`;

export function listHeld(query: Query): Promise<HeldWork[]> {
  return query<HeldWork>(
    `select 'timer' as kind, skill, name, count(*)::int as count, min(due_at) as since from timers where held group by skill, name
     union all select 'task', skill, name, count(*)::int, min(created_at) from tasks where ${TASK_HELD} group by skill, name
     order by kind, skill, name`,
  );
}

/** Lets held timers fire and held tasks run, within a second, on any live replica. */
export async function releaseHeld(query: Query): Promise<void> {
  await query(
    `with timer as (update timers set held = false where held) update tasks set run_at = clock_timestamp() where ${TASK_HELD}`,
  );
}

/** Discards held timers and tasks; their skills are not notified. */
export async function dropHeld(query: Query): Promise<void> {
  await query(
    `with timer as (delete from timers where held) update tasks set state = 'done', finished_at = clock_timestamp() where ${TASK_HELD}`,
  );
}
