/**
 * How many ms of processor time `work` takes on this thread, the least of `rounds`: neither a machine that does something
 * else meanwhile, nor a collection of garbage that falls into one of them, makes the code slow. What is slow takes long each time.
 */
export function fastestMs(work: () => unknown, rounds = 3): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begun = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(begun);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
