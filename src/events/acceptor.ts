import type { CrashHook } from '../crash-points.ts';
import { DatabaseAway, type Database } from '../db/database.ts';
import type { AfterCommit } from './after-commit.ts';
import { insertEvents, type NewEvent } from './event.ts';

interface Submission {
  readonly events: readonly NewEvent[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps one statement's parameters well below any limit, and a commit short. */
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Senders that wait for their answer at one time from which on they count as a queue. */
const PRESSING = 8;
/** The queue counts as gone when none was seen for so long: it comes and goes with each commit. */
const RELIEVED_AFTER_MS = 50;
/** Pressure counts as a burst for so long, and, when it comes and goes, for this share of the time between. */
const BURST_MS = 1000;
const BURST_SHARE = 0.2;

export interface AcceptorOptions {
  readonly database: Database;
  readonly crashPoint: CrashHook;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted' | 'acceptingCaughtUp'>;
}

/**
 * Accepts events that come from outside without a connector's cursor: webhooks, the web, the command line.
 * Whatever arrives while a commit is in flight shares the next one, so that the cost of a commit is divided by the load.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #waiting: Submission[] = [];
  #flushing = false;
  /** Not answered yet. */
  #open = 0;
  #pressedSinceMs: number | undefined;
  #lastPressedMs = 0;
  #relievedAtMs = 0;
  /** What is left of a burst; it grows again while nothing presses. */
  #allowanceMs = BURST_MS;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Resolves after the commit. @throws {DatabaseAway} at once when there is no database; the sender repeats. */
  accept(events: readonly NewEvent[]): Promise<void> {
    if (!this.#options.database.available) return Promise.reject(new DatabaseAway('the database is away'));
    this.#open++;
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ events, resolve, reject });
      this.#flushSoon();
    }).finally(() => void this.#open--);
  }

  /** How much is being asked of this: a `burst` is short, and worth leaving everything else for. */
  get pressure(): 'none' | 'burst' | 'long' {
    if (this.#pressedSinceMs === undefined) return 'none';
    return performance.now() - this.#pressedSinceMs < this.#allowanceMs ? 'burst' : 'long';
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // Whatever else can be read from the sockets right now goes along.
    setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (this.#open >= PRESSING) this.#press();
        await this.#commit(this.#take());
        // Those who were answered just now may have sent their next.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      this.#flushing = false;
    }
  }

  async #commit(batch: readonly Submission[]): Promise<void> {
    const { database, crashPoint, afterCommit } = this.#options;
    try {
      crashPoint('accept.before-commit');
      const accepted = await insertEvents(
        database.query,
        batch.flatMap((one) => one.events),
      );
      crashPoint('accept.after-commit');
      for (const one of batch) one.resolve();
      afterCommit.eventsAccepted(accepted);
    } catch (error) {
      if (batch.length === 1 || !database.available) for (const one of batch) one.reject(error);
      // One sender's event that Postgres will not take must not cost the others theirs.
      else await this.#oneByOne(batch);
    }
  }

  #press(): void {
    const nowMs = performance.now();
    this.#lastPressedMs = nowMs;
    if (this.#pressedSinceMs !== undefined) return;
    this.#allowanceMs = Math.min(BURST_MS, this.#allowanceMs + (nowMs - this.#relievedAtMs) * BURST_SHARE);
    this.#pressedSinceMs = nowMs;
    this.#relieveIn(nowMs, RELIEVED_AFTER_MS);
  }

  #relieveIn(pressedSinceMs: number, waitMs: number): void {
    setTimeout(() => {
      const nowMs = performance.now();
      if (this.#open >= PRESSING) this.#lastPressedMs = nowMs;
      const leftMs = this.#lastPressedMs + RELIEVED_AFTER_MS - nowMs;
      if (leftMs > 0) return this.#relieveIn(pressedSinceMs, leftMs);
      this.#relievedAtMs = nowMs;
      this.#allowanceMs = Math.max(0, this.#allowanceMs - (nowMs - pressedSinceMs));
      this.#pressedSinceMs = undefined;
      this.#options.afterCommit.acceptingCaughtUp();
    }, waitMs).unref();
  }

  async #oneByOne(batch: readonly Submission[]): Promise<void> {
    for (const one of batch) {
      try {
        const accepted = await insertEvents(this.#options.database.query, one.events);
        one.resolve();
        this.#options.afterCommit.eventsAccepted(accepted);
      } catch (error) {
        one.reject(error);
      }
    }
  }

  #take(): Submission[] {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const one of this.#waiting) {
      events += one.events.length;
      for (const event of one.events) bytes += event.payload.length;
      if (count > 0 && (events > MAX_BATCH_EVENTS || bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }
}
