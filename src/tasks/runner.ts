import { messageOf } from '../errors.ts';
import { Attempt, type AttemptOptions, type RunnableTask } from './attempt.ts';
import { beatTasks, claimSuspect, claimTasks, finishTask, requeueTask, type ClaimedTask } from './task.ts';

export type { RunnableTask } from './attempt.ts';

const LOOK_EVERY_MS = 1000;
/** Of those that end soon, and of those that need not; pools with a name say their size themselves. */
const SIZES = { short: 4, long: 4 };

export interface TaskRunnerOptions extends AttemptOptions {
  readonly holder: string;
  /** `skill name` of each task that the configuration has. */
  readonly known: () => readonly string[];
  readonly find: (skill: string, name: string) => RunnableTask | undefined;
}

/** Slots that some tasks share: what takes long in one never blocks another. */
interface Pool {
  readonly size: number;
  readonly known: string[];
}

interface Running {
  readonly attempt: Attempt;
  /** Whose slot it has. */
  readonly pool: string;
}

/** Runs tasks outside any transaction, at least once, and accepts the result of the current attempt, once. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #running = new Map<string, Running>();
  #callOff = (): void => {};
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

  /** Aborts what runs and waits for it; a repeatable task is queued again and found by another replica. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff();
    for (const { attempt } of this.#running.values()) attempt.stop();
    while (this.#running.size > 0 || this.#looking) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Something was queued or cancelled: look now. */
  wake(): void {
    if (this.#looking) this.#again = true;
    else this.#schedule(0);
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    this.#callOff();
    this.#callOff = this.#options.clock.after(waitMs, () => void this.#look());
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
        // Claimed while this was being stopped: given back, not run.
        if (this.#stopped) for (const task of claimed) await this.#requeue(task, { waitMs: 0, ran: false });
        else for (const task of claimed) void this.#run(task, name);
      }
    } catch {
      // the database is away; the next round looks again
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
      const there = pools.get(pool);
      if (there) there.known.push(known);
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
    const told = { task: claimed.name, id: claimed.id, attempt: claimed.attempt };
    try {
      const ending = await attempt.run();
      if ('outcome' in ending) {
        const accepted = await finishTask(database.query, claimed, JSON.stringify(ending.outcome));
        crashPoint('task.after-result');
        afterCommit.eventsAccepted(accepted);
      } else {
        const { again, reason } = ending;
        if (reason !== undefined) runnable.log.warn({ ...told, reason }, 'task failed and will be tried again');
        await this.#requeue(claimed, again);
      }
    } catch (error) {
      runnable.log.warn(
        { ...told, reason: messageOf(error) },
        'task result could not be stored and will be found again',
      );
    } finally {
      this.#running.delete(claimed.id);
      // Never two looks at once: each would fill the places that are free now.
      this.wake();
    }
  }
}

/** A pool with a name is the skill's own. */
function slotsOf(skill: string, task: RunnableTask['task'] | undefined): [pool: string, size: number] {
  const { slots = 'short' } = task ?? {};
  return typeof slots === 'string' ? [slots, SIZES[slots]] : [`${skill} ${slots.pool}`, slots.size];
}
