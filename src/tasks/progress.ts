import type { z } from 'zod';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Log } from '../log.ts';
import { reportProgress, type ClaimedTask } from './task.ts';

export interface ProgressOptions {
  readonly database: Database;
  readonly crashPoint: CrashHook;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted'>;
}

/** Stores the progress reports of one attempt, one statement at a time; of those that arrive meanwhile, only the newest. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #claimed: ClaimedTask;
  readonly #schema: z.ZodType<unknown> | undefined;
  readonly #log: Log;
  #newest: { readonly value: unknown } | undefined;
  #writing: Promise<void> | undefined;
  #count = 0;

  constructor(options: ProgressOptions, claimed: ClaimedTask, schema: z.ZodType<unknown> | undefined, log: Log) {
    this.#options = options;
    this.#claimed = claimed;
    this.#schema = schema;
    this.#log = log;
  }

  /** Resolves when this report, or a newer one, is stored or failed to be. @throws when it does not match the schema. */
  async report(value: unknown): Promise<void> {
    if (!this.#schema) throw new Error(`the task "${this.#claimed.name}" declares no progress`);
    this.#newest = { value: this.#schema.parse(value) };
    this.#writing ??= this.#write();
    await this.#writing;
  }

  /** Resolves when nothing is left to store. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { database, crashPoint, afterCommit } = this.#options;
    const { id, name, key, payload } = this.#claimed;
    while (this.#newest) {
      const { value } = this.#newest;
      this.#newest = undefined;
      const event = JSON.stringify({ id, key, payload: JSON.parse(payload) as unknown, progress: value });
      try {
        const accepted = await reportProgress(database.query, this.#claimed, ++this.#count, event);
        crashPoint('task.after-report');
        afterCommit.eventsAccepted(accepted);
      } catch (error) {
        // Not critical: the next report is newer, and the result follows.
        this.#log.warn({ task: name, id, reason: messageOf(error) }, 'could not store task progress');
      }
    }
    this.#writing = undefined;
  }
}
