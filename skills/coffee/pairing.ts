import { candidates, facingEach, type Facing } from './candidates.ts';
import { seating } from './circle-method.ts';
import { COST, costOf } from './cost.ts';
import { groupCost, groupSizes, makeGroups } from './groups.ts';
import { cheapestMatching, type Edge } from './matching.ts';
import { hash, shuffled, seededRandom } from './random.ts';
import { Roster, type RoundInput } from './roster.ts';

export interface Pairing {
  /** Ids, each group sorted. */
  readonly groups: readonly (readonly string[])[];
  /** People without a group: it was their turn to rest, or nobody they can be paired with was left. */
  readonly resting: readonly { readonly id: string; readonly why: 'turn' | 'nobody left' }[];
  readonly seats: ReadonlyMap<string, number>;
  readonly quality: Quality;
}

export interface Quality {
  readonly people: number;
  readonly groups: number;
  /** Pairs of people in the same group; how many of them had met before; how many are from the same team. */
  readonly pairs: number;
  readonly repeats: number;
  readonly sameTeam: number;
}

/** Candidates per person at first; more if that is not enough. */
const WIDTH = 12;
const MAX_WIDTH = 400;
/** The blossom algorithm takes 60 ms for this many people, and 9 s for ten times as many. */
const BLOCK = 600;
/** Up to this many people always use the complete graph: repeats are unavoidable there, and it matters which ones. */
const SMALL = 48;
/** One rank in the order of waiting for a rest outweighs a hundred repeats. */
const REST_RANK = 100 * COST.repeat;

/** Computes one round. Pure: the same input gives the same groups. */
export function pairRound(input: RoundInput): Pairing {
  const roster = new Roster(input);
  const table = seating(
    roster.people.map((person) => person.seat),
    input.keptSeats,
  );
  const found = input.size === 2 ? pairs(roster, table) : larger(roster);
  const groups = found.groups.map((group) => group.toSorted((one, other) => one - other));
  groups.sort((one, other) => (one[0] ?? 0) - (other[0] ?? 0));
  return {
    groups: groups.map((group) => group.map((number) => roster.person(number).id)),
    resting: found.resting
      .toSorted((one, other) => one.number - other.number)
      .map(({ number, why }) => ({ id: roster.person(number).id, why })),
    seats: new Map(roster.people.map(({ id }, number) => [id, table.seats[number] ?? 0])),
    quality: qualityOf(roster, groups),
  };
}

interface Found {
  readonly groups: number[][];
  readonly resting: { readonly number: number; readonly why: 'turn' | 'nobody left' }[];
}

function pairs(roster: Roster, table: { seats: readonly number[]; count: number }): Found {
  const isOdd = roster.size % 2 === 1;
  const { odd, across } = roster.input;
  // Trios and teams break the circle every round; its bonus would only lead away from strangers (measured).
  const circle = across || (isOdd && odd === 'join') ? undefined : facingEach(roster, table.seats, table.count);
  const mates = matched(roster, circle);
  const left = roster.people.flatMap((_, number) => (mates.has(number) ? [] : [number]));
  const groups = [...mates].flatMap(([one, mate]) => (one < mate && mate < roster.size ? [[one, mate]] : []));
  const turn = mates.get(roster.size);
  if (odd === 'join') return joined(roster, groups, turn === undefined ? left : [turn, ...left]);
  const resting: Found['resting'] = left.map((number) => ({ number, why: 'nobody left' }));
  return { groups, resting: turn === undefined ? resting : [{ number: turn, why: 'turn' }, ...resting] };
}

/** Mates by number; the number after the last person stands for resting. */
function matched(roster: Roster, circle: Facing | undefined): ReadonlyMap<number, number> {
  const everyone = roster.people.map((_, number) => number);
  if (everyone.length <= (circle ? SMALL : BLOCK)) return matchedAmong(roster, everyone, circle);
  const quick = matchedInBlocks(roster, everyone, circle);
  const isGood =
    quick.size === everyone.length + (everyone.length % 2) &&
    [...quick].every(([one, other]) => one === roster.size || other === roster.size || !roster.met(one, other));
  return isGood ? quick : matchedAmong(roster, everyone, circle);
}

/** Adds candidates until nobody is left over. */
function matchedAmong(
  roster: Roster,
  people: readonly number[],
  circle: Facing | undefined,
): ReadonlyMap<number, number> {
  const rests = people.length % 2 === 1 ? restEdges(roster, people, circle) : [];
  let best: ReadonlyMap<number, number> = new Map();
  for (let width = WIDTH; width <= MAX_WIDTH; width *= 4) {
    const mates = cheapestMatching([...candidates(roster, people, circle, width), ...rests]);
    if (mates.size > best.size) best = mates;
    if (best.size >= people.length || width >= people.length) break;
  }
  return best;
}

/**
 * In a large group most people face a stranger in the circle: those pairs are used as they are, the others are matched a few
 * hundred at a time. Good enough if it avoids repeats; otherwise the caller uses the complete graph.
 */
function matchedInBlocks(roster: Roster, everyone: readonly number[], circle: Facing | undefined): Map<number, number> {
  const mates = new Map<number, number>();
  const join = (one: number, other: number): void => void mates.set(one, other).set(other, one);
  if (everyone.length % 2 === 1) {
    const [first] = restEdges(roster, everyone, circle).toSorted(([, , one], [, , other]) => one - other);
    if (first) join(first[0], roster.size);
  }
  for (const one of everyone) {
    const other = circle?.[one];
    if (other === undefined || mates.has(one) || mates.has(other)) continue;
    if (roster.mayMeet(one, other) && !roster.met(one, other)) join(one, other);
  }
  const left = shuffled(
    everyone.filter((one) => !mates.has(one)),
    seededRandom(roster.input.seed),
  );
  for (let at = 0; at < left.length; at += BLOCK) {
    const block = left.slice(at, at + BLOCK);
    for (const [one, other] of cheapestMatching(candidates(roster, block, circle, WIDTH))) mates.set(one, other);
  }
  return mates;
}

/** Edges to the place to rest, cheapest for the person who has waited longest for it; newcomers have waited least. */
function restEdges(roster: Roster, people: readonly number[], circle: Facing | undefined): Edge[] {
  const waitedSince = new Map(people.map((number) => [number, lastRest(roster, number)]));
  const ranks = new Map(
    [...new Set(waitedSince.values())].toSorted((a, b) => a - b).map((since, rank) => [since, rank]),
  );
  const isFair = roster.input.odd === 'rest';
  return people.map((number): Edge => {
    const bonus = circle && circle[number] === undefined ? COST.circle : 0;
    const chance = hash(roster.input.seed, number) % COST.chance;
    const rank = isFair ? (ranks.get(waitedSince.get(number) ?? 0) ?? 0) : 0;
    return [number, roster.size, rank * REST_RANK + COST.circle + chance - bonus];
  });
}

/** Larger for people who rested more recently, or equally recently but more often. */
function lastRest(roster: Roster, number: number): number {
  const { rested, rests = 0, joined = roster.input.round } = roster.person(number);
  return (rested ?? joined - 1) * 1000 + Math.min(rests, 999);
}

/** Leftover people each join the pair where they meet most strangers; a pair gets one at most. */
function joined(roster: Roster, groups: number[][], left: readonly number[]): Found {
  const resting: Found['resting'] = [];
  for (const number of left) {
    let best: number[] | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const group of groups) {
      if (group.length > 2 || !roster.mayAllMeet([...group, number])) continue;
      const cost = group.reduce((sum, one) => sum + costOf(roster, one, number), 0);
      if (cost < least) [best, least] = [group, cost];
    }
    if (best) best.push(number);
    else resting.push({ number, why: 'nobody left' });
  }
  return { groups, resting };
}

function larger(roster: Roster): Found {
  const { size, odd, seed } = roster.input;
  const numbers = roster.people.map((_, number) => number);
  const tooMany = odd === 'rest' ? roster.size % size : 0;
  const order = shuffled(numbers, seededRandom(seed));
  order.sort((one, other) => lastRest(roster, one) - lastRest(roster, other));
  const turn = new Set(order.slice(0, tooMany));
  const playing = numbers.filter((number) => !turn.has(number));
  const resting: Found['resting'] = [...turn].map((number) => ({ number, why: 'turn' }));
  const groups = makeGroups(roster, playing, groupSizes(playing.length, size)).flatMap((group) => {
    // Conflicts that swapping could not resolve: people who cannot be with the others rest.
    const kept = [...group];
    while (kept.length > 1 && !roster.mayAllMeet(kept)) {
      const worst = kept.reduce((one, other) =>
        costWithout(roster, kept, other) < costWithout(roster, kept, one) ? other : one,
      );
      kept.splice(kept.indexOf(worst), 1);
      resting.push({ number: worst, why: 'nobody left' });
    }
    if (kept.length > 1) return [kept];
    resting.push(...kept.map((number) => ({ number, why: 'nobody left' as const })));
    return [];
  });
  return {
    groups,
    resting: playing.length === 1 ? playing.map((number) => ({ number, why: 'nobody left' })) : resting,
  };
}

function costWithout(roster: Roster, group: readonly number[], number: number): number {
  return groupCost(
    roster,
    group.filter((one) => one !== number),
  );
}

function qualityOf(roster: Roster, groups: readonly (readonly number[])[]): Quality {
  let [pairs, repeats, sameTeam] = [0, 0, 0];
  for (const group of groups)
    for (const [at, one] of group.entries())
      for (const other of group.slice(at + 1)) {
        pairs++;
        if (roster.met(one, other)) repeats++;
        if (roster.sameTeam(one, other)) sameTeam++;
      }
  return { people: roster.size, groups: groups.length, pairs, repeats, sameTeam };
}
