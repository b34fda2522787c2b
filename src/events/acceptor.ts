import type { CrashHook } from '../crash-points.ts';
import { DatabaseAway, type Database } from '../db/database.ts';
import type { AfterCommit } from './after-commit.ts';
import { insertEvents, type NewEvent } from './event.ts';

interface Submission {
  readonly events: readonly NewEvent[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps a statement's parameters well below any limit, and commits short. */
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** From this many waiting senders, there is pressure. */
const PRESSURE_FROM = 8;
/** Pressure ends when there was none for this long: it comes and goes with each commit. */
const EASED_AFTER_MS = 50;
/** Pressure counts as a burst for this long; when it comes and goes, for this share of the time in between. */
const BURST_MS = 1000;
const BURST_SHARE = 0.2;

export interface AcceptorOptions {
  readonly database: Database;
  readonly crashPoint: CrashHook;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted' | 'acceptingCaughtUp'>;
}

/**
 * Accepts events without a connector's cursor: webhooks, the web, the command line. Events that arrive during a commit share the
 * next one, so that under load many events share the cost of a commit.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #waiting: Submission[] = [];
  #flushing = false;
  /** Not answered yet. */
  #open = 0;
  #pressureSinceMs: number | undefined;
  #lastPressureMs = 0;
  #easedAtMs = 0;
  /** What is left of the burst allowance; it grows again while there is no pressure. */
  #allowanceMs = BURST_MS;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Resolves after the commit. @throws {DatabaseAway} at once when there is no database; the sender should retry. */
  accept(events: readonly NewEvent[]): Promise<void> {
    if (!this.#options.database.available) return Promise.reject(new DatabaseAway('the database is unreachable'));
    this.#open++;
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ events, resolve, reject });
      this.#flushSoon();
    }).finally(() => void this.#open--);
  }

  /** The load: a `burst` is short, and worth pausing everything else for. */
  get pressure(): 'none' | 'burst' | 'long' {
    if (this.#pressureSinceMs === undefined) return 'none';
    return performance.now() - this.#pressureSinceMs < this.#allowanceMs ? 'burst' : 'long';
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // Includes everything else that can be read from the sockets right now.
    setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (this.#open >= PRESSURE_FROM) this.#raisePressure();
        await this.#commit(this.#take());
        // Senders that were just answered may have sent their next event.
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
      // An event that Postgres rejects must not affect the other senders.
      else await this.#oneByOne(batch);
    }
  }

  #raisePressure(): void {
    const nowMs = performance.now();
    this.#lastPressureMs = nowMs;
    if (this.#pressureSinceMs !== undefined) return;
    this.#allowanceMs = Math.min(BURST_MS, this.#allowanceMs + (nowMs - this.#easedAtMs) * BURST_SHARE);
    this.#pressureSinceMs = nowMs;
    this.#easeAfter(nowMs, EASED_AFTER_MS);
  }

  #easeAfter(pressureSinceMs: number, waitMs: number): void {
    setTimeout(() => {
      const nowMs = performance.now();
      if (this.#open >= PRESSURE_FROM) this.#lastPressureMs = nowMs;
      const leftMs = this.#lastPressureMs + EASED_AFTER_MS - nowMs;
      if (leftMs > 0) return this.#easeAfter(pressureSinceMs, leftMs);
      this.#easedAtMs = nowMs;
      this.#allowanceMs = Math.max(0, this.#allowanceMs - (nowMs - pressureSinceMs));
      this.#pressureSinceMs = undefined;
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
