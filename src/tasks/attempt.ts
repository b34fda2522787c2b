import { MAX_TIMER_MS, type Clock } from '../clock.ts';
import type { Abilities, Need } from '../contract/abilities.ts';
import type { People } from '../contract/people.ts';
import type { Room } from '../contract/room.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { Sql } from '../contract/sql.ts';
import type { Task, TaskChat, TaskRun } from '../contract/task.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import { readOnly } from '../db/read-only.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Log } from '../log.ts';
import { createAbilities } from './abilities.ts';
import { Progress } from './progress.ts';
import type { ClaimedTask } from './task.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** After this many crashes while a task runs, it fails. */
const MAX_DEATHS = 3;
/** How long a cancelled task may take to report what it has done. */
const CANCEL_GRACE_MS = 5000;
/** Time limit of `find` after a cancellation. */
const FIND_MS = 15_000;
/** Interval of `find` while a task still runs elsewhere and there is no `attach`. */
const STILL_RUNNING_MS = 5000;
const TIMEOUT_MS = 60_000;

export interface RunnableTask {
  readonly task: Task<unknown, unknown, unknown, unknown>;
  readonly options: unknown;
  readonly log: Log;
  /** Declared by its skill. */
  readonly needs: readonly Need[];
}

export interface AttemptOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly ownUrl: () => string;
  /** Chat platforms for one task; closed when it has ended. */
  readonly chat: (signal: AbortSignal) => TaskChat & { close(): Promise<void> };
  readonly people: () => People;
  readonly room: (name: string) => Room | undefined;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted'>;
  /** For tests. Default 5 s. */
  readonly cancelGraceMs?: number;
}

/** How an attempt ended: with an outcome to accept, or with a retry. */
export type Ending =
  | { readonly outcome: object }
  | { readonly retry: { readonly waitMs: number; readonly ran: boolean }; readonly reason?: string };

type Run = TaskRun<unknown, unknown, unknown>;

class Cancelled extends Error {}
const STILL_RUNNING = Symbol('still running');

/** One attempt of one task, from its claim to its end. */
export class Attempt {
  readonly claimed: ClaimedTask;
  /** An earlier holder died while running it. */
  readonly suspect: boolean;
  readonly #options: AttemptOptions;
  readonly #runnable: RunnableTask;
  readonly #controller = new AbortController();
  #stopping = false;

  constructor(options: AttemptOptions, claimed: ClaimedTask, runnable: RunnableTask) {
    this.#options = options;
    this.claimed = claimed;
    this.suspect = claimed.deaths > 0;
    this.#runnable = runnable;
  }

  /** Cancels it; it may still report what it has done. */
  cancel(): void {
    this.#controller.abort(new Cancelled('it was cancelled'));
  }

  /** Aborts it because the process is stopping, or another attempt has replaced it. */
  stop(): void {
    this.#stopping = true;
    this.#controller.abort();
  }

  async run(): Promise<Ending> {
    const { task, log } = this.#runnable;
    const parsed = task.payload.safeParse(JSON.parse(this.claimed.payload));
    if (!parsed.success) return this.#failed(`its payload is invalid: ${messageOf(parsed.error)}`);
    const timeoutMs = Math.min(task.timeoutMs ?? TIMEOUT_MS, MAX_TIMER_MS);
    const chat = this.#options.chat(this.#controller.signal);
    const progress = new Progress(this.#options, this.claimed, task.progress, log);
    const timer = setTimeout(
      () => this.#controller.abort(new Error(`it took longer than ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      const ending = await this.#ending(this.#runOf(parsed.data, timeoutMs, { chat, progress }));
      await progress.settle();
      return ending;
    } finally {
      clearTimeout(timer);
      await chat.close();
    }
  }

  async #ending(run: Run): Promise<Ending> {
    const { attempt, deaths, cancelled } = this.claimed;
    const { task } = this.#runnable;
    if (deaths >= MAX_DEATHS)
      return this.#failed(
        `the bot crashed ${deaths} times while running it, so it is not retried; it may have happened`,
        true,
      );
    if (cancelled) return attempt === 1 ? this.#cancelled(false) : this.#findAfterCancel(run);
    if (attempt > 1 && !task.idempotent && !task.find)
      return this.#failed('the bot stopped while running it; it may have happened', true);
    const settled = this.#work(run).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    const { signal } = this.#controller;
    const ended = await Promise.race([settled, aborted(signal)]);
    if (ended && 'result' in ended) return this.#done(ended.result);
    if (!(signal.reason instanceof Cancelled)) return this.#failedRun(ended?.error);
    const last = ended ?? (await Promise.race([settled, pause(this.#options.cancelGraceMs ?? CANCEL_GRACE_MS)]));
    if (last && 'result' in last) return this.#done(last.result);
    if (last && codeOf(last.error) === 'WB_NOTHING_DONE') return this.#cancelled(false);
    return this.#findAfterCancel(run);
  }

  /** Runs it, unless an earlier attempt finished it or is still running. */
  async #work(run: Run): Promise<unknown> {
    const { task } = this.#runnable;
    const found = this.claimed.attempt > 1 && task.find ? await task.find(run) : undefined;
    if (!found) return task.run(run);
    if ('done' in found) return found.done;
    return task.attach ? task.attach(run) : STILL_RUNNING;
  }

  #done(result: unknown): Ending {
    if (result === STILL_RUNNING) return { retry: { waitMs: STILL_RUNNING_MS, ran: false } };
    const parsed = this.#runnable.task.result.safeParse(result);
    if (!parsed.success) return this.#failedRun(parsed.error);
    this.#options.crashPoint('task.after-run');
    return { outcome: { ...this.#base, ok: true, result: parsed.data } };
  }

  /** It failed, timed out, or was stopped. */
  #failedRun(error: unknown): Ending {
    const { signal } = this.#controller;
    const reason = messageOf(signal.reason instanceof Error && signal.aborted ? signal.reason : error);
    if (this.#stopping && this.#isRepeatable) return { retry: { waitMs: 0, ran: true } };
    if (this.#mayRetry) return this.#retry(reason);
    return this.#failed(reason, !this.#isRepeatable && signal.aborted);
  }

  /** Only `find` can tell what a cancelled attempt did. */
  async #findAfterCancel(run: Run): Promise<Ending> {
    const { find } = this.#runnable.task;
    if (!find) return this.#cancelled(true);
    // `find` needs its own signal: the abilities of the cancelled attempt have ended with theirs.
    const signal = AbortSignal.timeout(FIND_MS);
    const chat = this.#options.chat(signal);
    try {
      const found = await Promise.race([
        find(Object.assign(this.#abilities(signal), run, { signal, chat })),
        aborted(signal).then(() => ({ running: true })),
      ]);
      if (!found) return this.#cancelled(false);
      if ('done' in found) return this.#done(found.done);
      return this.#mayRetry ? this.#retry('it was cancelled, but is still running') : this.#cancelled(true);
    } catch (error) {
      return this.#mayRetry ? this.#retry(messageOf(error)) : this.#cancelled(true);
    } finally {
      await chat.close();
    }
  }

  get #isRepeatable(): boolean {
    const { task } = this.#runnable;
    return task.idempotent === true || task.find !== undefined;
  }

  get #mayRetry(): boolean {
    return this.#isRepeatable && this.claimed.attempt < (this.#runnable.task.attempts ?? 5);
  }

  get #base(): object {
    return { id: this.claimed.id, payload: JSON.parse(this.claimed.payload), startedAt: this.claimed.started_at };
  }

  #retry(reason: string): Ending {
    const waitMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.claimed.attempt - 1), LONGEST_PAUSE_MS);
    return { retry: { waitMs, ran: true }, reason };
  }

  #failed(reason: string, unknown = false): Ending {
    return { outcome: { ...this.#base, ok: false, unknown, reason } };
  }

  #cancelled(unknown: boolean): Ending {
    const reason = unknown ? 'it was cancelled while running; it may have happened' : 'it was cancelled';
    return { outcome: { ...this.#base, ok: false, cancelled: true, unknown, reason } };
  }

  #abilities(signal: AbortSignal): Abilities {
    return Object.create(createAbilities(this.claimed.skill, this.#runnable.needs, signal)) as Abilities;
  }

  #runOf(
    payload: unknown,
    timeoutMs: number,
    { chat, progress }: { readonly chat: TaskChat; readonly progress: Progress },
  ): Run {
    const { database, clock, secret, ownUrl, people, room } = this.#options;
    const { options, log } = this.#runnable;
    const { id, key, attempt, started_at: startedAt } = this.claimed;
    const { signal } = this.#controller;
    return Object.assign(this.#abilities(signal), {
      ...{ id, attempt, payload, options, startedAt, log, secret, chat, room },
      key: key ?? undefined,
      signal,
      deadline: new Date(clock.now().getTime() + timeoutMs),
      people: people(),
      report: (value: unknown) => progress.report(value),
      read: (async (text, parameters) => readOnly(database, text, parameters)) as Sql,
      ownUrl: ownUrl(),
    });
  }
}

/** Resolves when the signal aborts: a task that ignores its signal must not keep its slot forever. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}
