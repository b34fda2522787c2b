/** Node's timers know no longer one, and ring at once instead. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The time by Postgres's clock, so that replicas agree. */
export interface Clock {
  now(): Date;
  /** Feeds one measurement: the database's time, taken between two readings of `monotonic`. */
  measured(databaseTime: Date, beforeMs: number, afterMs: number): void;
  /** Milliseconds that never go back; has no meaning between processes. For limits on real requests; pauses go by `steady`. */
  monotonic(): number;
  /** As `monotonic`, but moved by tests together with `now`. */
  steady(): number;
  /** Calls `work` once `waitMs` have passed, by `steady`. Returns what calls it off. */
  after(waitMs: number, work: () => void): () => void;
  /** Resolves once `ms` have passed, by `steady`, or when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** Moves a clock, in tests: what waits until then happens at once. */
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

  /** From now on time passes only as it is moved: however slow the machine, a test sees each second. */
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

/** Longer than this `setTimeout` cannot wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** Monotonic time plus the offset to Postgres's clock. Until the first measurement it is this machine's own time. */
export function createClock(shift = new ClockShift()): Clock {
  const monotonic = (): number => performance.now();
  let offsetMs = Date.now() - monotonic();
  let bestRoundTripMs = 0;
  const steady = (): number => (shift.standsSince ?? monotonic()) + shift.ms;
  /** What waits → when, by `steady`, and the timer that looks then. */
  const waiting = new Map<() => void, { readonly atMs: number; timer: NodeJS.Timeout }>();
  const look = (ring: () => void, atMs: number): NodeJS.Timeout => {
    const waitMs = Math.min(Math.max(0, atMs - steady()), LONGEST_MS);
    return setTimeout(() => {
      // A clock that was moved back, or a wait longer than one timer's.
      if (steady() < atMs - 1) waiting.set(ring, { atMs, timer: look(ring, atMs) });
      else if (waiting.delete(ring)) ring();
    }, waitMs);
  };
  shift.onMove(() => {
    for (const [ring, one] of waiting) {
      clearTimeout(one.timer);
      one.timer = look(ring, one.atMs);
    }
  });
  const clock: Clock = {
    monotonic,
    steady,
    now: () => new Date(offsetMs + steady()),
    after(waitMs, work) {
      const ring = (): void => work();
      const atMs = steady() + waitMs;
      waiting.set(ring, { atMs, timer: look(ring, atMs) });
      return () => {
        clearTimeout(waiting.get(ring)?.timer);
        waiting.delete(ring);
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
      // A quick answer pins the offset. A slow one only says between which two it lies, and the first of all may be one: on
      // a machine that stood still over it, the middle of 600 ms was a clock 300 ms fast until the next measurement.
      if (roundTripMs <= bestRoundTripMs * 2) offsetMs = (least + most) / 2;
      else offsetMs = Math.min(Math.max(offsetMs, least), most);
      bestRoundTripMs = Math.min(bestRoundTripMs || roundTripMs, roundTripMs);
    },
  };
  return clock;
}
