import { distance } from 'fastest-levenshtein';

/** The candidate that was probably meant, or undefined. At most a third of the letters may differ, and never all. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 100) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const differs = typos(lower, candidate.toLowerCase());
    if (differs < bestDistance && differs < candidate.length) {
      best = candidate;
      bestDistance = differs;
    }
  }
  return best;
}

/** Number of typos: letters that differ; two swapped letters count once. */
function typos(one: string, other: string): number {
  const differs = distance(one, other);
  return differs === 2 && one.length === other.length && sorted(one) === sorted(other) ? 1 : differs;
}

function sorted(word: string): string {
  return word.split('').sort().join('');
}

/** `; did you mean "ops"?` as the end of a message; empty when no candidate is close. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}
