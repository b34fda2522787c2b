import type { Query } from '../db/database.ts';
import type { Accepted } from '../dispatch/event.ts';

export interface NewTask {
  readonly id: string;
  readonly skill: string;
  readonly name: string;
  readonly payload: string;
}

export interface ClaimedTask {
  readonly id: string;
  readonly skill: string;
  readonly name: string;
  readonly payload: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** How often its holder died while it ran. */
  readonly deaths: number;
  readonly started_at: Date;
}

export async function writeTasks(query: Query, tasks: readonly NewTask[]): Promise<void> {
  await query(
    `insert into tasks (id, skill, name, payload) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])`,
    [
      tasks.map((task) => task.id),
      tasks.map((task) => task.skill),
      tasks.map((task) => task.name),
      tasks.map((task) => task.payload),
    ],
  );
}

/** Without a heartbeat for this long a task's holder counts as dead. */
export const TASK_DEAD_AFTER_MS = 6000;

const CLAIM = `update tasks set state = 'running', attempt = attempt + 1, deaths = deaths + (state = 'running')::int, holder = $1,
  heartbeat_at = clock_timestamp(), started_at = clock_timestamp()`;
const CLAIMED = 'returning id, skill, name, payload, attempt, deaths, started_at';

/** Claims tasks that wait; each claim is one more attempt. */
export function claimTasks(
  query: Query,
  holder: string,
  known: readonly string[],
  limit: number,
): Promise<ClaimedTask[]> {
  return query<ClaimedTask>(
    `${CLAIM} where id = any(array(
       select id from tasks where state = 'queued' and deaths = 0 and run_at <= clock_timestamp() and skill || ' ' || name = any($2)
       order by run_at limit $3 for update skip locked))
     ${CLAIMED}`,
    [holder, known, limit],
  );
}

/** Claims a task whose holder died, now or before; it may have been its death, so nobody runs two such at one time. */
export async function claimSuspect(
  query: Query,
  holder: string,
  known: readonly string[],
): Promise<ClaimedTask | undefined> {
  const [row] = await query<ClaimedTask>(
    `${CLAIM} where id = (
       select id from tasks where state <> 'done' and skill || ' ' || name = any($2) and (
         (state = 'queued' and deaths > 0 and run_at <= clock_timestamp())
         or (state = 'running' and heartbeat_at < clock_timestamp() - $3 * interval '1 millisecond'))
       order by run_at limit 1 for update skip locked)
     ${CLAIMED}`,
    [holder, known, TASK_DEAD_AFTER_MS],
  );
  return row;
}

/** The holders are known to be dead: their tasks need not wait for a heartbeat. */
export async function releaseTasks(query: Query, holders: readonly string[]): Promise<void> {
  await query(`update tasks set heartbeat_at = '-infinity' where holder = any($1) and state = 'running'`, [holders]);
}

/** Keeps the running tasks of this holder; returns those that are still its own. */
export async function beatTasks(query: Query, holder: string, ids: readonly string[]): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `update tasks set heartbeat_at = clock_timestamp() where id = any($1) and holder = $2 and state = 'running' returning id`,
    [ids, holder],
  );
  return rows.map((row) => row.id);
}

/** Queues a task again after `waitMs`, if this attempt is still the current one; one that never `ran` does not count. */
export async function requeueTask(
  query: Query,
  task: ClaimedTask,
  { waitMs, ran }: { readonly waitMs: number; readonly ran: boolean },
): Promise<void> {
  await query(
    `update tasks set state = 'queued', holder = null, attempt = attempt - $4, run_at = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and attempt = $2 and state = 'running'`,
    [task.id, task.attempt, waitMs, ran ? 0 : 1],
  );
}

/** Ends a task and accepts its result as an event, in one statement; nothing happens when another attempt is current. */
export function finishTask(query: Query, task: ClaimedTask, outcome: string): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with ended as (update tasks set state = 'done', finished_at = clock_timestamp() where id = $1 and attempt = $2 and state = 'running' returning id, skill, name)
     insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)
     select 'task', id::text, skill || ':task:' || id, 'task', skill, name, $3, clock_timestamp() from ended
     on conflict (source, source_id) do nothing returning id, lane`,
    [task.id, task.attempt, outcome],
  );
}
