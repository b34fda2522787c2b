import { messageOf } from '../errors.ts';
import { Attempt, type AttemptOptions, type RunnableTask } from './attempt.ts';
import { beatTasks, claimSuspect, claimTasks, finishTask, requeueTask, type ClaimedTask } from './task.ts';

export type { RunnableTask } from './attempt.ts';

const LOOK_EVERY_MS = 1000;
/** Slots for short and long tasks; named pools declare their own size. */
const SIZES = { short: 4, long: 4 };

export interface TaskRunnerOptions extends AttemptOptions {
  readonly holder: string;
  /** `skill name` of each configured task. */
  readonly known: () => readonly string[];
  readonly find: (skill: string, name: string) => RunnableTask | undefined;
}

/** Slots shared by some tasks, so that slow tasks in one pool never block another. */
interface Pool {
  readonly size: number;
  readonly known: string[];
}

interface Running {
  readonly attempt: Attempt;
  /** The pool of its slot. */
  readonly pool: string;
}

/** Runs tasks at least once, outside any transaction, and accepts the result of the current attempt exactly once. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #running = new Map<string, Running>();
  #cancel = (): void => {};
  #looking = false;
  #again = false;
  #stopped = true;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(0);
  }

  /** Aborts running tasks and waits for them; repeatable ones are queued again for another replica. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    for (const { attempt } of this.#running.values()) attempt.stop();
    while (this.#running.size > 0 || this.#looking) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** A task was queued or cancelled: looks now. */
  wake(): void {
    if (this.#looking) this.#again = true;
    else this.#schedule(0);
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    this.#cancel();
    this.#cancel = this.#options.clock.after(waitMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { crashPoint } = this.#options;
    this.#looking = true;
    this.#again = false;
    try {
      await this.#beat();
      for (const [name, pool] of this.#pools()) {
        const claimed = await this.#claim(name, pool);
        if (claimed.length > 0) crashPoint('task.after-claim');
        // Claimed while stopping: queued again, not run.
        if (this.#stopped) for (const task of claimed) await this.#requeue(task, { waitMs: 0, ran: false });
        else for (const task of claimed) void this.#run(task, name);
      }
    } catch {
      // the database is unreachable; the next look retries
    }
    this.#looking = false;
    this.#schedule(this.#again ? 0 : LOOK_EVERY_MS);
  }

  async #beat(): Promise<void> {
    const { database, holder, crashPoint } = this.#options;
    const before = [...this.#running];
    const rows = await beatTasks(
      database.query,
      holder,
      before.map(([id]) => id),
    );
    const mine = new Map(rows.map(({ id, cancelled }) => [id, cancelled]));
    for (const [id, { attempt }] of before) {
      const isCancelled = mine.get(id);
      if (isCancelled === undefined) attempt.stop();
      if (!isCancelled || attempt.claimed.cancelled) continue;
      crashPoint('task.after-cancel');
      attempt.cancel();
    }
  }

  #pools(): Map<string, Pool> {
    const pools = new Map<string, Pool>();
    for (const known of this.#options.known()) {
      const [skill = '', name = ''] = known.split(' ');
      const [pool, size] = slotsOf(skill, this.#options.find(skill, name)?.task);
      const existing = pools.get(pool);
      if (existing) existing.known.push(known);
      else pools.set(pool, { size, known: [known] });
    }
    return pools;
  }

  async #claim(pool: string, { size, known }: Pool): Promise<ClaimedTask[]> {
    const { database, holder, clock } = this.#options;
    const now = clock.now();
    const running = [...this.#running.values()].filter((one) => one.pool === pool);
    const free = size - running.length;
    if (free <= 0) return [];
    const isSuspecting = running.some(({ attempt }) => attempt.suspect);
    const suspect = isSuspecting ? undefined : await claimSuspect(database.query, holder, { known, now });
    const left = suspect ? free - 1 : free;
    const waiting = left > 0 ? await claimTasks(database.query, holder, { known, limit: left, now }) : [];
    return suspect ? [suspect, ...waiting] : waiting;
  }

  #requeue(task: ClaimedTask, { waitMs, ran }: { readonly waitMs: number; readonly ran: boolean }): Promise<void> {
    const { database, clock } = this.#options;
    return requeueTask(database.query, task, { at: new Date(clock.now().getTime() + waitMs), ran });
  }

  async #run(claimed: ClaimedTask, pool: string): Promise<void> {
    const { database, crashPoint, find, afterCommit } = this.#options;
    const runnable = find(claimed.skill, claimed.name);
    if (!runnable) return this.#requeue(claimed, { waitMs: 1000, ran: false }).catch(() => {});
    const attempt = new Attempt(this.#options, claimed, runnable);
    this.#running.set(claimed.id, { attempt, pool });
    const context = { task: claimed.name, id: claimed.id, attempt: claimed.attempt };
    try {
      const ending = await attempt.run();
      if ('outcome' in ending) {
        const accepted = await finishTask(database.query, claimed, JSON.stringify(ending.outcome));
        crashPoint('task.after-result');
        afterCommit.eventsAccepted(accepted);
      } else {
        const { retry, reason } = ending;
        if (reason !== undefined) runnable.log.warn({ ...context, reason }, 'task failed and will be retried');
        await this.#requeue(claimed, retry);
      }
    } catch (error) {
      runnable.log.warn(
        { ...context, reason: messageOf(error) },
        'task result could not be stored; the task will be retried',
      );
    } finally {
      this.#running.delete(claimed.id);
      // Never two looks at once: both would fill the same free slots.
      this.wake();
    }
  }
}

/** A named pool belongs to its skill. */
function slotsOf(skill: string, task: RunnableTask['task'] | undefined): [pool: string, size: number] {
  const { slots = 'short' } = task ?? {};
  return typeof slots === 'string' ? [slots, SIZES[slots]] : [`${skill} ${slots.pool}`, slots.size];
}
