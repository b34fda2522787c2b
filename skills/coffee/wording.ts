import { escape } from '#skill';

/** A date three weeks ahead, for examples in replies. */
export function exampleDay(now: Date): string {
  return new Date(now.getTime() + 21 * 86_400_000).toISOString().slice(0, 10);
}

/** `Ann`, `Ann and Bob`, `Ann, Bob and Cem`; escaped. */
export function list(names: readonly string[]): string {
  const safe = names.map(escape);
  return safe.length < 2 ? safe.join('') : `${safe.slice(0, -1).join(', ')} and ${safe.at(-1) ?? ''}`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

/** A reason given by a platform, which may be empty. */
export function reasonIn(text: string): string {
  return text || 'no reason given';
}

/** `12 pairs and a trio`, `4 groups of 3 or 4`. */
export function groupsInWords(sizes: readonly number[]): string {
  if (sizes.length === 0) return 'no groups';
  const pairs = sizes.filter((size) => size === 2).length;
  const trios = sizes.filter((size) => size === 3).length;
  if (pairs + trios < sizes.length || trios > Math.max(pairs, 1)) {
    const kinds = [...new Set(sizes)].toSorted((one, other) => one - other);
    return `${count(sizes.length, 'group')} of ${kinds.join(' or ')}`;
  }
  const trio = trios === 1 ? 'a trio' : count(trios, 'trio');
  return [...(pairs > 0 ? [count(pairs, 'pair')] : []), ...(trios > 0 ? [trio] : [])].join(' and ');
}
