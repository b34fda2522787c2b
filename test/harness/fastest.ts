/**
 * CPU time in ms that `work` takes on this thread, the minimum of `rounds`: neither other load on the machine nor a garbage
 * collection during one round makes the code look slow. Slow code takes long every time.
 * At least 1 ms: some kernels count in steps of a few ms, so shorter times read as 0 or even less.
 */
export function fastestMs(work: () => unknown, rounds = 3): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begun = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(begun);
    least = Math.min(least, (user + system) / 1000);
  }
  return Math.max(1, least);
}
