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
  let bestRoundTripMs = Number.POSITIVE_INFINITY;
  return {
    monotonic,
    now: () => new Date(offsetMs + monotonic() + shiftMs()),
    measured(databaseTime, beforeMs, afterMs) {
      const roundTripMs = afterMs - beforeMs;
      const measuredMs = databaseTime.getTime() - (beforeMs + afterMs) / 2;
      // A quick answer pins the offset; a slow one only corrects it when the two clearly disagree.
      if (roundTripMs <= bestRoundTripMs * 2 || Math.abs(measuredMs - offsetMs) > roundTripMs + 50) {
        bestRoundTripMs = Math.min(bestRoundTripMs, roundTripMs);
        offsetMs = measuredMs;
      }
    },
  };
}
