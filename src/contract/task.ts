import type { z } from 'zod';
import type { RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { Context } from './context.ts';
import type { People } from './people.ts';
import type { Room } from './room.ts';
import type { SecretRef } from './secret.ts';
import type { Sql } from './sql.ts';

/** A member of a room, as the platform reports them. `name` is untrusted text. */
export interface Member {
  readonly accountId: string;
  readonly name: string;
  readonly guest: boolean;
  readonly bot: boolean;
}

/** What a task may ask chat platforms, on whichever replica it runs. */
export interface TaskChat {
  /**
   * Everyone in a room except the bot. Where the platform cannot tell: the listed people with an account on it.
   * @throws an error with a `code`: `WB_RATE_LIMITED` (with `retryAfterMs`), `WB_REJECTED` (permanent), anything else is worth a retry.
   */
  members(room: RoomAddress): Promise<readonly Member[]>;
  /**
   * Opens a private conversation. Called again with the same uuid, it returns the same one and invites whoever is missing.
   * Undefined when the platform has no such conversations. @throws like `members`.
   */
  open(conversation: {
    readonly uuid: string;
    readonly connector: string;
    readonly people: readonly string[];
    readonly name: string;
  }): Promise<RoomAddress | undefined>;
}

export interface TaskRun<Options, Payload, Progress = unknown> extends Abilities {
  /** The same for every attempt: use it to name what you create outside, so that a retry finds it. */
  readonly id: string;
  /** The key it was started under. */
  readonly key: string | undefined;
  readonly attempt: number;
  readonly payload: Payload;
  readonly options: Options;
  /**
   * Aborts on timeout, on cancellation, and when the bot stops. A cancelled task then has 5 s to return its result, if it was
   * done already, or to throw `NothingDone`. After any other error the outcome is unknown, unless `find` can tell.
   */
  readonly signal: AbortSignal;
  readonly deadline: Date;
  /** The database's time when this attempt started; stored with the result. */
  readonly startedAt: Date;
  readonly log: Log;
  /** Reads the current value of a secret. */
  secret(reference: SecretRef): Promise<string>;
  readonly chat: TaskChat;
  readonly people: People;
  /** Configured rooms by name. */
  readonly room: (name: string) => Room | undefined;
  /** Reads rows, outside any transaction: they may have changed by the time the result is handled. Writing fails. */
  readonly read: Sql;
  /** Where this process listens, for example `http://127.0.0.1:8080`. */
  readonly ownUrl: string;
  /**
   * Reports progress: one event to the task's `report`, replacing an earlier one that has not been handled yet. Resolves when
   * this report, or a newer one, is stored; reports of an attempt that has been superseded are ignored. Never fails the task.
   */
  report(progress: Progress): Promise<void>;
}

/** What `find` found of an earlier attempt. */
export type Found<Result> = { readonly done: Result } | { readonly running: true };

export interface Task<Options = unknown, Payload = unknown, Result = unknown, Progress = unknown> {
  readonly payload: z.ZodType<Payload>;
  readonly result: z.ZodType<Result>;
  /** True when running it twice does no harm. Without this and without `find`, there is only one attempt. */
  readonly idempotent?: boolean;
  /** Finds out what earlier attempts with this uuid did, also after a cancellation; undefined: nothing. */
  readonly find?: (run: TaskRun<Options, Payload, Progress>) => Promise<Found<Result> | undefined>;
  /** Waits for the result of what an earlier attempt started and `find` saw running. Without it, `find` is polled. */
  readonly attach?: (run: TaskRun<Options, Payload, Progress>) => Promise<Result>;
  /** Time limit of one attempt; default 60,000. */
  readonly timeoutMs?: number;
  /** Attempts before it counts as failed; default 5 if it may be repeated. */
  readonly attempts?: number;
  /**
   * How many run at once on each replica: `short` (the default) and `long` have 4 slots each, shared by all skills; a pool
   * belongs to the skill and has `size` slots. Tasks that take minutes belong in `long` or a pool.
   */
  readonly slots?: 'short' | 'long' | { readonly pool: string; readonly size: number };
  readonly run: (run: TaskRun<Options, Payload, Progress>) => Promise<Result>;
  /** Handles the outcome in a transaction, exactly once. */
  readonly done: (context: Context<Options>, outcome: TaskOutcome<Payload, Result>) => void | Promise<void>;
  /** Schema of what `run.report` sends. */
  readonly progress?: z.ZodType<Progress>;
  /** Handles a progress report in a transaction, always before `done`. */
  readonly report?: (context: Context<Options>, report: TaskReport<Payload, Progress>) => void | Promise<void>;
}

export interface TaskReport<Payload, Progress> {
  readonly id: string;
  readonly key: string | undefined;
  readonly payload: Payload;
  readonly progress: Progress;
}

export type TaskOutcome<Payload, Result> = {
  readonly id: string;
  readonly payload: Payload;
  readonly startedAt: Date;
} & (
  | { readonly ok: true; readonly result: Result }
  /**
   * `unknown`: it may have happened; a person should check. `cancelled`: ended by `cancelTask`. A task that finished before it
   * could be cancelled is `ok`.
   */
  | { readonly ok: false; readonly reason: string; readonly unknown: boolean; readonly cancelled?: boolean }
);

/** Declares a task, with the types of its payload, result and progress. */
export function defineTask<Options, Payload, Result, Progress = unknown>(
  task: Task<Options, Payload, Result, Progress>,
): Task<Options, Payload, Result, Progress> {
  return task;
}
