import { hash } from './random.ts';
import type { Roster } from './roster.ts';

/**
 * The cost of pairing two people, in integers, since the matching compares sums exactly. Each kind outweighs everything
 * below it, summed over the 2,500 pairs of 5,000 people: a repeat, the same team, how recently they met, chance.
 */
export const COST = {
  /** For each time they have met before. */
  repeat: 1_000_000_000,
  sameTeam: 100_000,
  /** Divided by the number of rounds since they met. */
  recent: 50_000,
  /** Deducted for the partner in the circle; more than chance can add. */
  circle: 20,
  chance: 10,
} as const;
/** More meetings than this count the same, so that sums stay exact. */
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
