/**
 * How many ms of processor time `work` takes on this thread, the least of `rounds`: neither a machine that does something
 * else meanwhile, nor a collection of garbage that falls into one of them, makes the code slow. What is slow takes long each time.
 * At least 1 ms: some kernels count in steps of a few ms, and what took less than a step reads as 0 or even as less.
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
