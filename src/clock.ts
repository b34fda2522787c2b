/** Node's timers fire at once if the delay is longer. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The time of Postgres's clock, so that replicas agree. */
export interface Clock {
  now(): Date;
  /** Adds one measurement: the database's time, read between two readings of `monotonic`. */
  measured(databaseTime: Date, beforeMs: number, afterMs: number): void;
  /** Milliseconds that never decrease, only meaningful within the process. For timeouts of real requests; pauses use `steady`. */
  monotonic(): number;
  /** Like `monotonic`, but tests move it together with `now`. */
  steady(): number;
  /** Calls `work` once `waitMs` have passed, by `steady`. Returns a function that cancels it. */
  after(waitMs: number, work: () => void): () => void;
  /** Resolves once `ms` have passed, by `steady`, or when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** Moves a clock in tests: work that becomes due runs at once. */
export class ClockShift {
  #ms = 0;
  #standsSince: number | undefined;
  readonly #listeners: (() => void)[] = [];

  get ms(): number {
    return this.#ms;
  }

  set(ms: number): void {
    this.#ms = ms;
    for (const listener of this.#listeners) listener();
  }

  move(ms: number): void {
    this.set(this.#ms + ms);
  }

  /** Stops the clock: from now on time only passes by `move`, so that a test sees each second even on a slow machine. */
  stand(): void {
    this.#standsSince = performance.now();
  }

  get standsSince(): number | undefined {
    return this.#standsSince;
  }

  onMove(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

/** The maximum of `setTimeout`. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Monotonic time plus the offset to Postgres's clock. Until the first measurement it is this machine's time. */
export function createClock(shift = new ClockShift()): Clock {
  const monotonic = (): number => performance.now();
  let offsetMs = Date.now() - monotonic();
  let bestRoundTripMs = 0;
  const steady = (): number => (shift.standsSince ?? monotonic()) + shift.ms;
  /** Waiting work → when it is due, by `steady`, and its timer. */
  const waiting = new Map<() => void, { readonly atMs: number; timer: NodeJS.Timeout }>();
  const schedule = (fire: () => void, atMs: number): NodeJS.Timeout => {
    const waitMs = Math.min(Math.max(0, atMs - steady()), MAX_TIMEOUT_MS);
    return setTimeout(() => {
      // The clock was moved back, or the wait is longer than one timer allows.
      if (steady() < atMs - 1) waiting.set(fire, { atMs, timer: schedule(fire, atMs) });
      else if (waiting.delete(fire)) fire();
    }, waitMs);
  };
  shift.onMove(() => {
    for (const [fire, one] of waiting) {
      clearTimeout(one.timer);
      one.timer = schedule(fire, one.atMs);
    }
  });
  const clock: Clock = {
    monotonic,
    steady,
    now: () => new Date(offsetMs + steady()),
    after(waitMs, work) {
      const fire = (): void => work();
      const atMs = steady() + waitMs;
      waiting.set(fire, { atMs, timer: schedule(fire, atMs) });
      return () => {
        clearTimeout(waiting.get(fire)?.timer);
        waiting.delete(fire);
      };
    },
    pause: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const end = (): void => {
          cancel();
          signal.removeEventListener('abort', end);
          resolve();
        };
        const cancel = clock.after(ms, end);
        signal.addEventListener('abort', end);
      }),
    measured(databaseTime, beforeMs, afterMs) {
      if (shift.standsSince !== undefined) return;
      const roundTripMs = afterMs - beforeMs;
      const [least, most] = [databaseTime.getTime() - afterMs, databaseTime.getTime() - beforeMs];
      // A fast answer sets the offset. A slow one only gives its bounds, and the first one may be slow: on
      // a stalled machine, the middle of 600 ms made the clock 300 ms fast until the next measurement.
      if (roundTripMs <= bestRoundTripMs * 2) offsetMs = (least + most) / 2;
      else offsetMs = Math.min(Math.max(offsetMs, least), most);
      bestRoundTripMs = Math.min(bestRoundTripMs || roundTripMs, roundTripMs);
    },
  };
  return clock;
}
