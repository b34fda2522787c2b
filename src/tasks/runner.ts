import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { Accepted } from '../dispatch/event.ts';
import { messageOf } from '../errors.ts';
import type { Log, People, Room, SecretRef, Sql, Task, TaskChat } from '../skill.ts';
import type { StepHook } from '../steps.ts';
import { beatTasks, claimSuspect, claimTasks, finishTask, requeueTask, type ClaimedTask } from './task.ts';

const LOOK_EVERY_MS = 1000;
const CONCURRENT = 4;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** So often the program may die while one task runs. */
const MAX_DEATHS = 3;

export interface RunnableTask {
  readonly task: Task<unknown, unknown, unknown>;
  readonly options: unknown;
  readonly log: Log;
}

export interface TaskRunnerOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly holder: string;
  readonly step: StepHook;
  readonly known: () => readonly string[];
  readonly find: (skill: string, name: string) => RunnableTask | undefined;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly ownUrl: () => string;
  /** What tasks may ask of chat platforms; closed when the task has ended. */
  readonly chat: (signal: AbortSignal) => TaskChat & { close(): Promise<void> };
  readonly people: () => People;
  readonly room: (name: string) => Room | undefined;
  readonly onAccepted: (accepted: readonly Accepted[]) => void;
}

interface Running {
  readonly controller: AbortController;
  /** Its holder died while it ran. */
  readonly suspect: boolean;
}

/** Runs tasks outside any transaction, at least once, and accepts the result of the current attempt, once. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #running = new Map<string, Running>();
  #timer: NodeJS.Timeout | undefined;
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
    clearTimeout(this.#timer);
    for (const { controller } of this.#running.values()) controller.abort();
    while (this.#running.size > 0 || this.#looking) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Something was queued: look now. */
  wake(): void {
    if (this.#looking) this.#again = true;
    else this.#schedule(0);
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), waitMs);
  }

  async #look(): Promise<void> {
    const { database, holder, step } = this.#options;
    this.#looking = true;
    this.#again = false;
    try {
      const mine = new Set(await beatTasks(database.query, holder, [...this.#running.keys()]));
      for (const [id, { controller }] of this.#running) if (!mine.has(id)) controller.abort();
      const claimed = await this.#claim();
      if (claimed.length > 0) step('task.after-claim');
      // Claimed while this was being stopped: given back, not run.
      if (this.#stopped) for (const task of claimed) await requeueTask(database.query, task, { waitMs: 0, ran: false });
      else for (const task of claimed) void this.#run(task);
    } catch {
      // the database is away; the next round looks again
    }
    this.#looking = false;
    this.#schedule(this.#again ? 0 : LOOK_EVERY_MS);
  }

  async #claim(): Promise<ClaimedTask[]> {
    const { database, holder, known } = this.#options;
    const room = CONCURRENT - this.#running.size;
    if (room <= 0) return [];
    const isSuspecting = [...this.#running.values()].some(({ suspect }) => suspect);
    const suspect = isSuspecting ? undefined : await claimSuspect(database.query, holder, known());
    const left = suspect ? room - 1 : room;
    const waiting = left > 0 ? await claimTasks(database.query, holder, known(), left) : [];
    return suspect ? [suspect, ...waiting] : waiting;
  }

  async #run(claimed: ClaimedTask): Promise<void> {
    const { database, step, find, secret, ownUrl, onAccepted, clock } = this.#options;
    const runnable = find(claimed.skill, claimed.name);
    if (!runnable) return requeueTask(database.query, claimed, { waitMs: 1000, ran: false }).catch(() => {});
    const { task, options, log } = runnable;
    const controller = new AbortController();
    this.#running.set(claimed.id, { controller, suspect: claimed.deaths > 0 });
    const timeoutMs = task.timeoutMs ?? 60_000;
    const chat = this.#options.chat(controller.signal);
    const deadlineTimer = setTimeout(
      () => controller.abort(new Error(`it took longer than ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      const payload: unknown = JSON.parse(claimed.payload);
      const base = { id: claimed.id, payload, startedAt: claimed.started_at };
      const parsed = task.payload.safeParse(payload);
      let outcome: object | undefined;
      if (!parsed.success)
        outcome = {
          ...base,
          ok: false,
          unknown: false,
          reason: `its payload is not understood: ${messageOf(parsed.error)}`,
        };
      else if (claimed.deaths >= MAX_DEATHS)
        outcome = {
          ...base,
          ok: false,
          unknown: true,
          reason: `the bot died ${claimed.deaths} times while it ran, so it is not tried again; it may have happened`,
        };
      else if (claimed.attempt > 1 && !task.idempotent && !task.find)
        outcome = { ...base, ok: false, unknown: true, reason: 'the bot went away while it ran; it may have happened' };
      else {
        const run = {
          id: claimed.id,
          attempt: claimed.attempt,
          payload: parsed.data,
          options,
          signal: controller.signal,
          deadline: new Date(clock.now().getTime() + timeoutMs),
          startedAt: claimed.started_at,
          log,
          secret,
          chat,
          people: this.#options.people(),
          room: this.#options.room,
          read: (async (text, parameters) => readOnly(database, text, parameters)) as Sql,
          ownUrl: ownUrl(),
        };
        try {
          const stopped = aborted(controller.signal);
          const found = claimed.attempt > 1 && task.find ? await Promise.race([task.find(run), stopped]) : undefined;
          const result = task.result.parse(found ?? (await Promise.race([task.run(run), stopped])));
          step('task.after-run');
          outcome = { ...base, ok: true, result };
        } catch (error) {
          const reason = messageOf(
            controller.signal.reason instanceof Error && controller.signal.aborted ? controller.signal.reason : error,
          );
          const repeatable = task.idempotent === true || task.find !== undefined;
          if (this.#stopped && repeatable) await requeueTask(database.query, claimed, { waitMs: 0, ran: true });
          else if (repeatable && claimed.attempt < (task.attempts ?? 5)) {
            log.warn(
              { task: claimed.name, id: claimed.id, attempt: claimed.attempt, reason },
              'task failed and will be tried again',
            );
            await requeueTask(database.query, claimed, {
              waitMs: Math.min(FIRST_PAUSE_MS * 2 ** (claimed.attempt - 1), LONGEST_PAUSE_MS),
              ran: true,
            });
          } else outcome = { ...base, ok: false, unknown: !repeatable && controller.signal.aborted, reason };
        }
      }
      if (outcome) {
        const accepted = await finishTask(database.query, claimed, JSON.stringify(outcome));
        step('task.after-result');
        onAccepted(accepted);
      }
    } catch (error) {
      log.warn(
        { task: claimed.name, id: claimed.id, reason: messageOf(error) },
        'task result could not be stored and will be found again',
      );
    } finally {
      clearTimeout(deadlineTimer);
      await chat.close();
      this.#running.delete(claimed.id);
      // Never two looks at once: each would fill the places that are free now.
      this.wake();
    }
  }
}

function readOnly(database: Database, text: string, parameters: readonly unknown[] | undefined): Promise<object[]> {
  return database.transaction(async ({ query }) => {
    await query('set transaction read only');
    return query(text, parameters);
  });
}

/** Rejects when the signal aborts: a task that does not listen to its signal must not hold its place for ever. */
function aborted(signal: AbortSignal): Promise<never> {
  const end = new Promise<never>((_, reject) =>
    signal.addEventListener(
      'abort',
      () => reject(signal.reason instanceof Error ? signal.reason : new Error('stopped')),
      { once: true },
    ),
  );
  // A task that fails at once leaves nobody to listen.
  end.catch(() => {});
  return end;
}
