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

/** What one attempt reports of how far it is: one statement at a time, and of what came meanwhile only the newest. */
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

  /** Resolves when this, or something newer, is stored or could not be. @throws when it is not what was declared. */
  async report(value: unknown): Promise<void> {
    if (!this.#schema) throw new Error(`the task "${this.#claimed.name}" declares no progress`);
    this.#newest = { value: this.#schema.parse(value) };
    this.#writing ??= this.#write();
    await this.#writing;
  }

  /** Resolves when nothing is left to be stored. */
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
        // The next one says more, and the result all of it.
        this.#log.warn({ task: name, id, reason: messageOf(error) }, 'progress of a task could not be stored');
      }
    }
    this.#writing = undefined;
  }
}
