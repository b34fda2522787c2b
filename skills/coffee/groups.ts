import { COST, costOf } from './cost.ts';
import { seededRandom, shuffled } from './random.ts';
import type { Roster } from './roster.ts';

/** Costs more than any allowed group. */
const FORBIDDEN = 1e14;
const CANDIDATES_TRIED = 40;
const SWAPS_PER_PERSON = 60;

/**
 * Group sizes, which differ by one at most: none below `size` if that makes none larger than `size + 1`; otherwise there is
 * one more group, and some are smaller by one.
 */
export function groupSizes(people: number, size: number): number[] {
  if (people < 2) return [];
  const fewest = Math.max(1, Math.floor(people / size));
  const count = Math.ceil(people / fewest) > size + 1 ? fewest + 1 : fewest;
  return Array.from({ length: count }, (_, at) => Math.floor(people / count) + (at < people % count ? 1 : 0));
}

/**
 * Groups of three or more: filled one by one with the person who fits best, then improved by swapping people while that
 * helps. (An exact solution is not feasible: even triples are NP-hard.) Returns numbers of the roster.
 */
export function makeGroups(roster: Roster, people: readonly number[], sizes: readonly number[]): number[][] {
  const random = seededRandom(roster.input.seed);
  const left = shuffled(people, random);
  const groups = sizes.map((size) => fill(roster, left, size));
  const groupOf = new Map(groups.flatMap((group, at) => group.map((one) => [one, at] as const)));
  const costs = groups.map((group) => groupCost(roster, group));
  if (groups.length < 2) return groups;
  for (let tries = people.length * SWAPS_PER_PERSON; tries > 0; tries--) {
    const one = people[Math.floor(random() * people.length)] ?? 0;
    const other = people[Math.floor(random() * people.length)] ?? 0;
    const [a, b] = [groupOf.get(one) ?? 0, groupOf.get(other) ?? 0];
    // Strangers from different teams: nothing to improve.
    if (a === b || (costs[a] ?? 0) + (costs[b] ?? 0) < COST.sameTeam) continue;
    const withOther = (groups[a] ?? []).map((each) => (each === one ? other : each));
    const withOne = (groups[b] ?? []).map((each) => (each === other ? one : each));
    const [costA, costB] = [groupCost(roster, withOther), groupCost(roster, withOne)];
    if (costA + costB >= (costs[a] ?? 0) + (costs[b] ?? 0)) continue;
    [groups[a], groups[b], costs[a], costs[b]] = [withOther, withOne, costA, costB];
    groupOf.set(one, b).set(other, a);
  }
  return groups;
}

/** Takes `size` people out of `left`: the first, then repeatedly the best of a few. */
function fill(roster: Roster, left: number[], size: number): number[] {
  const group = left.splice(0, 1);
  while (group.length < size && left.length > 0) {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < Math.min(CANDIDATES_TRIED, left.length); at++) {
      const cost = groupCost(roster, [...group, left[at] ?? 0]);
      if (cost < least) [best, least] = [at, cost];
    }
    group.push(...left.splice(best, 1));
  }
  return group;
}

export function groupCost(roster: Roster, group: readonly number[]): number {
  let cost = 0;
  for (let at = 0; at < group.length; at++)
    for (let next = at + 1; next < group.length; next++) {
      const [one, other] = [group[at] ?? 0, group[next] ?? 0];
      cost += roster.mayMeet(one, other) ? costOf(roster, one, other) : FORBIDDEN;
    }
  return roster.mayAllMeet(group) ? cost : cost + FORBIDDEN;
}
