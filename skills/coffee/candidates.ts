import { COST, costOf } from './cost.ts';
import { facing } from './circle-method.ts';
import type { Edge } from './matching.ts';
import { seededRandom } from './random.ts';
import type { Roster } from './roster.ts';

/** Up to this many people every pair is a candidate; the blossom algorithm takes seconds on a complete graph of 1,000. */
const COMPLETE_GRAPH_SIZE = 48;
/** With fewer strangers than this left, people they met long ago become candidates too. */
const MIN_CANDIDATES = 8;

/** The person each one faces in the circle this round, by number; undefined: an empty seat. */
export type Facing = readonly (number | undefined)[];

export function facingEach(roster: Roster, seats: readonly number[], count: number): Facing {
  const at = new Map(seats.map((seat, number) => [seat, number]));
  return seats.map((seat) => at.get(facing(seat, roster.input.round, count)));
}

/**
 * The pairs of `people` that the matching may choose from. For each person: people they have not met (a sample of `width` if
 * there are many), the one they face in the circle, and once they have met nearly everyone, those they met longest ago. A
 * sparse graph yields a round of strangers as reliably as the complete one, thousands of times faster.
 */
export function candidates(
  roster: Roster,
  people: readonly number[],
  circle: Facing | undefined,
  width: number,
): Edge[] {
  const edges = new Map<number, Edge>();
  const random = seededRandom(roster.input.seed ^ width);
  const among = new Set(people);
  const add = (one: number, other: number): boolean => {
    if (!roster.mayMeet(one, other)) return false;
    const [low, high] = one < other ? [one, other] : [other, one];
    const key = low * roster.size + high;
    const bonus = circle?.[one] === other ? COST.circle : 0;
    if (!edges.has(key)) edges.set(key, [low, high, costOf(roster, low, high) + COST.circle - bonus]);
    return true;
  };
  if (people.length <= Math.max(COMPLETE_GRAPH_SIZE, width)) {
    for (const [at, one] of people.entries()) for (const other of people.slice(at + 1)) add(one, other);
    return [...edges.values()];
  }
  for (const one of people) {
    const faced = circle?.[one];
    if (faced !== undefined && among.has(faced)) add(one, faced);
    // With few people met, a random pick is nearly always a stranger; otherwise scan everyone from a random start.
    const isFresh = people.length - roster.metWith(one).length > width * 4;
    const first = Math.floor(random() * people.length);
    const tries = isFresh ? width * 8 : people.length;
    let found = 0;
    for (let step = 0; found < width && step < tries; step++) {
      const other = people[isFresh ? Math.floor(random() * people.length) : (first + step) % people.length] ?? one;
      if (!roster.met(one, other) && add(one, other)) found++;
    }
    if (found >= MIN_CANDIDATES) continue;
    const met = roster.metWith(one).filter((other) => among.has(other));
    const dear = met.map((other) => ({ other, cost: costOf(roster, one, other) })).toSorted((a, b) => a.cost - b.cost);
    for (const { other } of dear.slice(0, width)) add(one, other);
  }
  return [...edges.values()];
}
