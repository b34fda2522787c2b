/** Pseudo-random numbers in [0, 1), the same for the same seed on every machine: splitmix32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 4_294_967_296;
  };
}

/** A pseudo-random integer in 0…2³²−1 that depends only on the arguments. */
export function hash(...values: readonly number[]): number {
  let state = 0x2545f491;
  for (const value of values) state = mix((state ^ (value >>> 0)) + 0x9e3779b9);
  return state;
}

function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** A shuffled copy. */
export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [copy[at], copy[other]] = [copy[other] as T, copy[at] as T];
  }
  return copy;
}
