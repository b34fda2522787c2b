import type { z } from 'zod';
import type { RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { Context } from './context.ts';
import type { People } from './people.ts';
import type { Room } from './room.ts';
import type { SecretRef } from './secret.ts';
import type { Sql } from './sql.ts';

/** Somebody in a room, as the platform has them. `name` is hostile text. */
export interface Member {
  readonly accountId: string;
  readonly name: string;
  readonly guest: boolean;
  readonly bot: boolean;
}

/** What a task may ask of chat platforms, on whichever replica it runs. */
export interface TaskChat {
  /**
   * Everybody in a room but the bot. Where a platform cannot say: the people listed under `people:` with an account there.
   * @throws an error with a `code`: `WB_RATE_LIMITED` (with `retryAfterMs`), `WB_REJECTED` (never will be), else try again.
   */
  members(room: RoomAddress): Promise<readonly Member[]>;
  /**
   * Opens a private conversation, once: asked again with the same uuid it is the same one, and whoever is missing is
   * invited. Undefined: this platform has no such thing. @throws like `members`.
   */
  open(conversation: {
    readonly uuid: string;
    readonly connector: string;
    readonly people: readonly string[];
    readonly name: string;
  }): Promise<RoomAddress | undefined>;
}

export interface TaskRun<Options, Payload, Progress = unknown> extends Abilities {
  /** Same for every attempt: name what you make outside after it. */
  readonly id: string;
  /** The key it was started under. */
  readonly key: string | undefined;
  readonly attempt: number;
  readonly payload: Payload;
  readonly options: Options;
  /**
   * Aborts when it takes too long, is cancelled, or the bot stops. A cancelled one then has 5 s to return what it did
   * before, or to throw `NothingDone`; what it throws else leaves open what happened, unless `find` can tell.
   */
  readonly signal: AbortSignal;
  readonly deadline: Date;
  /** The database's time when this attempt began; kept with the result. */
  readonly startedAt: Date;
  readonly log: Log;
  /** Reads the current value of a secret. */
  secret(reference: SecretRef): Promise<string>;
  readonly chat: TaskChat;
  readonly people: People;
  /** Configured rooms by name. */
  readonly room: (name: string) => Room | undefined;
  /** Reads rows, outside any transaction: they may have changed when the result is handled. Writing fails. */
  readonly read: Sql;
  /** Where this program itself listens, for example `http://127.0.0.1:8080`. */
  readonly ownUrl: string;
  /**
   * Says how far it is: one event to the task's `report`, in place of an earlier one that is not handled yet. Resolves when
   * this, or something newer, is stored; of an attempt that is not current any more nothing is. Never fails the task.
   */
  report(progress: Progress): Promise<void>;
}

/** What `find` saw of an earlier attempt; undefined: it did nothing. */
export type Found<Result> = { readonly done: Result } | { readonly running: true };

export interface Task<Options = unknown, Payload = unknown, Result = unknown, Progress = unknown> {
  readonly payload: z.ZodType<Payload>;
  readonly result: z.ZodType<Result>;
  /** Running it twice does no harm. Without this, and without `find`, it is tried once. */
  readonly idempotent?: boolean;
  /** Looks what earlier attempts with this uuid did; also asked what became of one that was cancelled. */
  readonly find?: (run: TaskRun<Options, Payload, Progress>) => Promise<Found<Result> | undefined>;
  /** Waits for the result of what an earlier attempt began and `find` saw running. Without it `find` is asked again. */
  readonly attach?: (run: TaskRun<Options, Payload, Progress>) => Promise<Result>;
  /** Default 60,000. */
  readonly timeoutMs?: number;
  /** Attempts before it counts as failed; default 5 when it may be repeated. */
  readonly attempts?: number;
  /**
   * How many run at once in each replica: `short` (the default) and `long` have 4 slots each for the tasks of all skills, a
   * pool of the skill's own has as many as it says. What runs for minutes belongs to `long` or a pool.
   */
  readonly slots?: 'short' | 'long' | { readonly pool: string; readonly size: number };
  readonly run: (run: TaskRun<Options, Payload, Progress>) => Promise<Result>;
  /** Handles the result in a transaction, once. */
  readonly done: (context: Context<Options>, outcome: TaskOutcome<Payload, Result>) => void | Promise<void>;
  /** What `run.report` says. */
  readonly progress?: z.ZodType<Progress>;
  /** Handles a report in a transaction; always before `done`. */
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
   * `unknown`: it may have happened; a person should look. `cancelled`: because of `cancelTask`. One that was done before it
   * could be cancelled is `ok`.
   */
  | { readonly ok: false; readonly reason: string; readonly unknown: boolean; readonly cancelled?: boolean }
);

/** Declares a task with the types of its payload, its result and what it reports. */
export function defineTask<Options, Payload, Result, Progress = unknown>(
  task: Task<Options, Payload, Result, Progress>,
): Task<Options, Payload, Result, Progress> {
  return task;
}
