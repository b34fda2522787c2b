/**
 * How many ms `work` takes, the least of `rounds`: a machine that stands still for a second, or does something else
 * meanwhile, does not make the code slow. What is slow takes long each time.
 */
export function fastestMs(work: () => unknown, rounds = 3): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    work();
    least = Math.min(least, performance.now() - begun);
  }
  return least;
}
