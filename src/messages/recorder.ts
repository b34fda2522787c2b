import { rerun, type Database } from '../db/database.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Lease } from '../replicas/lease.ts';
import { recordSent, type Confirmation, type Confirmed } from './confirmations.ts';
import type { MessageRow } from './message-rows.ts';

const BATCH = 200;
/** While a room's next request is in flight, the record of the previous one may wait this long. */
const GATHER_MS = 15;

interface Waiting extends Confirmed {
  readonly resolve: (recorded: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Records confirmed requests. Those confirmed during a commit share the next one. */
export class Recorder {
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #afterCommit: Pick<AfterCommit, 'eventsAccepted'>;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  constructor(database: Database, lease: Lease, afterCommit: Pick<AfterCommit, 'eventsAccepted'>) {
    this.#database = database;
    this.#lease = lease;
    this.#afterCommit = afterCommit;
  }

  /** Resolves after the commit, which `flush` starts, or a short timer. False: it was recorded before (by an echo), or the lease is lost. */
  record(row: MessageRow, done: Confirmation): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, done, resolve, reject });
      this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
    });
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      try {
        const { recorded, reports } = await rerun(() => recordSent(this.#database.query, this.#lease, batch));
        for (const one of batch) one.resolve(recorded.has(one.row.id));
        if (reports.length > 0) this.#afterCommit.eventsAccepted(reports);
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
    this.#writing = false;
  }

  /** At most one confirmation for each row: a response and its echo may arrive together, and the second one adds nothing. */
  #take(): Waiting[] {
    const batch = new Map<string, Waiting>();
    const left: Waiting[] = [];
    for (const one of this.#waiting) {
      if (batch.size >= BATCH || batch.has(one.row.id)) left.push(one);
      else batch.set(one.row.id, one);
    }
    this.#waiting = left;
    return [...batch.values()];
  }
}
