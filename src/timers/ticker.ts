import type { Clock } from '../clock.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Log } from '../log.ts';
import type { Lease } from '../replicas/lease.ts';
import { tickCrons, type Crons } from './cron.ts';
import { fireDue, nextDue } from './timer.ts';

/** Looks at least this often, to find timers set by other replicas or before a clock change. */
const LOOK_EVERY_MS = 1000;
/** Crons have a resolution of minutes; a check every few seconds costs one small query. */
const CRON_EVERY_MS = 5000;
const BATCH = 500;

export interface TickerOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly known: () => readonly string[];
  readonly crons: () => Crons;
  /** Undefined: another replica runs the crons. */
  readonly cronLease: () => Lease | undefined;
  readonly log: Log;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted'>;
}

/** Fires timers and crons. Runs on every replica: row locks decide which one fires a timer, and a lease which one runs crons. */
export class Ticker {
  readonly #options: TickerOptions;
  #cancel = (): void => {};
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cronsAtMs = 0;
  #running = false;
  #again = false;
  #stopped = true;
  /** Crons that failed at the last check, and why. */
  #reported: ReadonlySet<string> = new Set();

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** A timer is due at `time`: looks then rather than at the next interval. */
  wakeAt(time: Date): void {
    if (this.#running) this.#again = true;
    else if (time.getTime() < this.#wakeAtMs) this.#schedule(time);
  }

  /** This replica runs the crons from now on. */
  wakeCrons(): void {
    this.#cronsAtMs = 0;
    this.wakeAt(this.#options.clock.now());
  }

  #schedule(time: Date | undefined): void {
    if (this.#stopped) return;
    this.#cancel();
    const nowMs = this.#options.clock.now().getTime();
    const waitMs = Math.min(LOOK_EVERY_MS, Math.max(0, (time?.getTime() ?? Number.POSITIVE_INFINITY) - nowMs));
    this.#wakeAtMs = nowMs + waitMs;
    this.#cancel = this.#options.clock.after(waitMs, () => this.#run());
  }

  #run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#again = false;
    void this.#look().then((next) => {
      this.#running = false;
      this.#schedule(this.#again ? this.#options.clock.now() : next);
    });
  }

  async #look(): Promise<Date | undefined> {
    const { database, clock, crashPoint, known, afterCommit } = this.#options;
    if (!database.available) return undefined;
    try {
      for (;;) {
        const fired = await fireDue(database.query, clock.now(), known(), BATCH);
        if (fired.length > 0) {
          crashPoint('timer.after-fire');
          afterCommit.eventsAccepted(fired);
        }
        if (fired.length < BATCH) break;
      }
      await this.#lookAtCrons();
      return await nextDue(database.query, known());
    } catch {
      return undefined; // database unreachable, deadlock or lost lease: the next look retries
    }
  }

  async #lookAtCrons(): Promise<void> {
    const { database, clock, crons, cronLease, log, afterCommit } = this.#options;
    const lease = cronLease();
    if (!lease || clock.now().getTime() < this.#cronsAtMs) return;
    this.#cronsAtMs = clock.now().getTime() + CRON_EVERY_MS;
    const { accepted, failed } = await tickCrons(database, lease, clock.now(), crons());
    afterCommit.eventsAccepted(accepted);
    const failures = new Map(failed.map((one) => [`${one.skill} ${one.name} ${one.reason}`, one]));
    for (const [reported, one] of failures)
      if (!this.#reported.has(reported)) log.error(one, 'cron has no valid schedule and does not run; fix its options');
    this.#reported = new Set(failures.keys());
  }
}
