import type { Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';

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
  readonly key: string | null;
  readonly payload: string;
  /** Starts at 1. */
  readonly attempt: number;
  /** How often a holder died while running it. */
  readonly deaths: number;
  /** Cancelled: it must not be run, only its outcome found out. */
  readonly cancelled: boolean;
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

/**
 * Queues a task under a key, or finds the unfinished one under it; resolves to its id. The row is locked, so the task does not
 * end before the transaction does.
 */
export async function writeKeyedTask(query: Query, task: NewTask & { readonly key: string }): Promise<string> {
  const [row] = await query<{ id: string }>(
    `insert into tasks (id, skill, name, payload, key) values ($1, $2, $3, $4, $5)
     on conflict (skill, key) where key is not null and state <> 'done' do update set key = excluded.key returning id`,
    [task.id, task.skill, task.name, task.payload, task.key],
  );
  if (!row) throw new Error(`the task "${task.key}" was neither stored nor found`);
  return row.id;
}

export interface CancelledTask {
  readonly id: string;
  readonly name: string;
  readonly payload: string;
  readonly key: string;
  /** It never started, so the runner will not report its outcome. */
  readonly never_ran: boolean;
}

/** Cancels the unfinished task under a key. If it may have started, the runner finds out what it did. */
export async function cancelTask(query: Query, skill: string, key: string): Promise<CancelledTask | undefined> {
  const [task] = await query<CancelledTask>(
    `select id, name, payload, key, state = 'queued' and attempt = 0 as never_ran from tasks
     where skill = $1 and key = $2 and state <> 'done' for update`,
    [skill, key],
  );
  if (task)
    await query(
      `update tasks set cancelled_at = coalesce(cancelled_at, clock_timestamp()), run_at = least(run_at, clock_timestamp()),
         state = case when $2 then 'done' else state end, finished_at = case when $2 then clock_timestamp() end where id = $1`,
      [task.id, task.never_ran],
    );
  return task;
}

/** A task's holder counts as dead after this long without a heartbeat. */
export const TASK_DEAD_AFTER_MS = 6000;

const CLAIM = `update tasks set state = 'running', attempt = attempt + 1, deaths = deaths + (state = 'running')::int, holder = $1,
  heartbeat_at = clock_timestamp(), started_at = clock_timestamp()`;
const CLAIMED =
  'returning id, skill, name, key, payload, attempt, deaths, cancelled_at is not null as cancelled, started_at';

/** By either clock, as both write `run_at`: the program's differs a little from Postgres's, and tests move it. */
const DUE = 'run_at <= greatest($4, clock_timestamp())';

/** Claims queued tasks; each claim is a new attempt. */
export function claimTasks(
  query: Query,
  holder: string,
  { known, limit, now }: { readonly known: readonly string[]; readonly limit: number; readonly now: Date },
): Promise<ClaimedTask[]> {
  return query<ClaimedTask>(
    `${CLAIM} where id = any(array(
       select id from tasks where state = 'queued' and deaths = 0 and ${DUE} and skill || ' ' || name = any($2)
       order by run_at limit $3 for update skip locked))
     ${CLAIMED}`,
    [holder, known, limit, now],
  );
}

/** Claims a task whose holder died at some point. It may have crashed it, so a replica runs only one of these at a time. */
export async function claimSuspect(
  query: Query,
  holder: string,
  { known, now }: { readonly known: readonly string[]; readonly now: Date },
): Promise<ClaimedTask | undefined> {
  const [row] = await query<ClaimedTask>(
    `${CLAIM} where id = (
       select id from tasks where state <> 'done' and skill || ' ' || name = any($2) and (
         (state = 'queued' and deaths > 0 and ${DUE})
         or (state = 'running' and heartbeat_at < clock_timestamp() - $3 * interval '1 millisecond'))
       order by run_at limit 1 for update skip locked)
     ${CLAIMED}`,
    [holder, known, TASK_DEAD_AFTER_MS, now],
  );
  return row;
}

/** Makes the tasks of holders that are known to be dead available at once. */
export async function releaseTasks(query: Query, holders: readonly string[]): Promise<void> {
  await query(`update tasks set heartbeat_at = '-infinity' where holder = any($1) and state = 'running'`, [holders]);
}

/**
 * Renews the running tasks of this holder; returns those that it still holds, and whether they are cancelled. A row that a handler
 * has locked is skipped: waiting for it would delay the others until their holder counts as dead.
 */
export function beatTasks(
  query: Query,
  holder: string,
  ids: readonly string[],
): Promise<{ id: string; cancelled: boolean }[]> {
  return query(
    `with beaten as (update tasks set heartbeat_at = clock_timestamp() where id = any(array(
       select id from tasks where id = any($1) and holder = $2 and state = 'running' for update skip locked)))
     select id, cancelled_at is not null as cancelled from tasks where id = any($1) and holder = $2 and state = 'running'`,
    [ids, holder],
  );
}

/** Queues a task again for `at`, if this attempt is still current. An attempt that never `ran` is not counted. */
export async function requeueTask(
  query: Query,
  task: ClaimedTask,
  { at, ran }: { readonly at: Date; readonly ran: boolean },
): Promise<void> {
  await query(
    `update tasks set state = 'queued', holder = null, attempt = attempt - $4, run_at = $3 where id = $1 and attempt = $2 and state = 'running'`,
    [task.id, task.attempt, at, ran ? 0 : 1],
  );
}

/**
 * Accepts a progress report as an event, replacing one that was not handled yet; does nothing if another attempt is current.
 * `nth` numbers the reports of this attempt.
 */
export function reportProgress(query: Query, task: ClaimedTask, nth: number, payload: string): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    // `for share` waits for a statement that ends the task, so that no report follows the result.
    `with mine as materialized (select id, skill, name, key, skill || ':task:' || id as lane from tasks where id = $1 and attempt = $2 and state = 'running' for share),
     waiting as materialized (
       select e.id from events e join mine on e.lane = mine.lane where e.state = 'new' and e.kind = 'progress' order by e.id desc limit 1 for update of e skip locked),
     renewed as (update events set payload = $4, happened_at = clock_timestamp() where id = (select id from waiting) returning id)
     insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at)
     select 'task', id || ':' || $2::int || ':' || $3::int, lane, 'progress', skill, name, null, $4, clock_timestamp() from mine
     where not exists (select 1 from renewed)
     on conflict (source, source_id) do nothing returning id, lane`,
    [task.id, task.attempt, nth, payload],
  );
}

/** Ends a task and accepts its result as an event, in one statement; does nothing if another attempt is current. */
export function finishTask(query: Query, task: ClaimedTask, outcome: string): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with ended as (update tasks set state = 'done', finished_at = clock_timestamp() where id = $1 and attempt = $2 and state = 'running' returning id, skill, name)
     insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)
     select 'task', id::text, skill || ':task:' || id, 'task', skill, name, $3, clock_timestamp() from ended
     on conflict (source, source_id) do nothing returning id, lane`,
    [task.id, task.attempt, outcome],
  );
}
