/** The time by Postgres's clock, so that replicas agree. */
export interface Clock {
  now(): Date;
  /** Feeds one measurement: the database's time, taken between two readings of `monotonic`. */
  measured(databaseTime: Date, beforeMs: number, afterMs: number): void;
  /** Milliseconds that never go back; has no meaning between processes. */
  monotonic(): number;
}

/**
 * Monotonic time plus the offset to Postgres's clock. Until the first measurement it is this machine's own time.
 * `shiftMs` lets a test move the clock.
 */
export function createClock(shiftMs: () => number = () => 0): Clock {
  const monotonic = (): number => performance.now();
  let offsetMs = Date.now() - monotonic();
  let bestRoundTripMs = 0;
  return {
    monotonic,
    now: () => new Date(offsetMs + monotonic() + shiftMs()),
    measured(databaseTime, beforeMs, afterMs) {
      const roundTripMs = afterMs - beforeMs;
      const [least, most] = [databaseTime.getTime() - afterMs, databaseTime.getTime() - beforeMs];
      // A quick answer pins the offset. A slow one only says between which two it lies, and the first of all may be one: on
      // a machine that stood still over it, the middle of 600 ms was a clock 300 ms fast until the next measurement.
      if (roundTripMs <= bestRoundTripMs * 2) offsetMs = (least + most) / 2;
      else offsetMs = Math.min(Math.max(offsetMs, least), most);
      bestRoundTripMs = Math.min(bestRoundTripMs || roundTripMs, roundTripMs);
    },
  };
}
