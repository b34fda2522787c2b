import { hash } from './random.ts';
import type { Roster } from './roster.ts';

/**
 * What is bad about putting two together, in whole numbers, since the matching compares sums exactly. Each kind outweighs
 * all that is below it, summed over the 2,500 pairs of 5,000 people: a repeat, one team, how recently, chance.
 */
export const COST = {
  /** For each time they have met before. */
  repeat: 1_000_000_000,
  sameTeam: 100_000,
  /** Divided by the number of rounds since they met. */
  recent: 50_000,
  /** Taken off for the partner in the circle, more than chance can weigh. */
  circle: 20,
  chance: 10,
} as const;
/** Beyond this many meetings no difference is made, so that sums stay exact. */
const MAX_TIMES = 500;

export function costOf(roster: Roster, one: number, other: number): number {
  const { round, seed, across } = roster.input;
  const met = roster.met(one, other);
  const repeats = met
    ? COST.repeat * Math.min(met.times, MAX_TIMES) + Math.floor(COST.recent / Math.max(1, round - met.last))
    : 0;
  const team = across && roster.sameTeam(one, other) ? COST.sameTeam : 0;
  return repeats + team + (hash(seed, Math.min(one, other), Math.max(one, other)) % COST.chance);
}
