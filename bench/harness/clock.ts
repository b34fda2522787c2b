/** Milliseconds of the machine's monotonic clock, the same in every process, so that times from different processes compare. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Offset from `monotonicMs` to the time of day, read once per run and passed on, so that clock steps have no effect. */
export function timeOfDayOffsetMs(): number {
  return Date.now() - monotonicMs();
}
