/** Milliseconds by the machine's monotonic clock, the same in every process: what was sent here and seen there compare. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What turns `monotonicMs` into the time of day, taken once a run and passed on, so that no step of the clock shows. */
export function timeOfDayOffsetMs(): number {
  return Date.now() - monotonicMs();
}
