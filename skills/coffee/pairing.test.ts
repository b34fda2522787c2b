import fc from 'fast-check';
import { seating, facing } from './circle-method.ts';
import { groupSizes } from './groups.ts';
import { cheapestMatching, type Edge } from './matching.ts';
import { pairRound } from './pairing.ts';
import type { RoundInput } from './roster.ts';
import { SimulatedTeam } from './simulated-team.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `p${at}`);

const input = fc
  .record({
    count: fc.integer({ min: 0, max: 40 }),
    size: fc.integer({ min: 2, max: 5 }),
    odd: fc.constantFrom('join' as const, 'rest' as const),
    across: fc.boolean(),
    round: fc.integer({ min: 1, max: 30 }),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    pairs: fc.array(fc.tuple(fc.nat(39), fc.nat(39), fc.integer({ min: 1, max: 4 })), { maxLength: 60 }),
    apart: fc.array(fc.array(fc.nat(39), { minLength: 2, maxLength: 4 }), { maxLength: 4 }),
    facts: fc.array(
      fc.record({
        rested: fc.option(fc.nat(29), { nil: undefined }),
        seat: fc.option(fc.nat(60), { nil: undefined }),
        team: fc.constantFrom('red', 'blue'),
        reach: fc.constantFrom(['a'], ['b'], ['a', 'b']),
      }),
      { minLength: 40, maxLength: 40 },
    ),
  })
  .map(({ count, size, odd, across, round, seed, pairs, apart, facts }): RoundInput => ({
    ...{ size, odd, across, round, seed, keptSeats: [] },
    participants: ids(count).map((id, at) => ({
      id,
      rested: facts[at]?.rested,
      seat: facts[at]?.seat,
      teams: [facts[at]?.team ?? 'red'],
      reach: facts[at]?.reach ?? [],
    })),
    met: pairs.map(([one, other, times]) => ({ one: `p${one}`, other: `p${other}`, times, last: round - 1 })),
    apart: apart.map((list) => list.map((one) => `p${one}`)),
  }));

describe('any round', () => {
  test('everyone is in exactly one group or rests, and no group has a single member', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { groups, resting } = pairRound(given);
        const seen = [...groups.flat(), ...resting.map(({ id }) => id)];
        expect(seen.toSorted()).toEqual(given.participants.map(({ id }) => id).toSorted());
        expect(groups.every((group) => group.length > 1)).toBe(true);
      }),
    );
  });

  test('people who are kept apart are never together, nor people without a common platform', () => {
    fc.assert(
      fc.property(input, (given) => {
        const reach = new Map(given.participants.map((one) => [one.id, one.reach]));
        for (const group of pairRound(given).groups) {
          for (const list of given.apart) expect(new Set(group.filter((id) => list.includes(id))).size).toBeLessThan(2);
          expect(['a', 'b'].some((platform) => group.every((id) => reach.get(id)?.includes(platform)))).toBe(true);
        }
      }),
    );
  });

  test('the order in which people are listed changes nothing, and the same seed gives the same round', () => {
    fc.assert(
      fc.property(input, (given) => {
        const turned = { ...given, participants: given.participants.toReversed(), met: given.met.toReversed() };
        expect(pairRound(turned)).toEqual(pairRound(given));
      }),
    );
  });

  test('no two people have the same seat', () => {
    fc.assert(
      fc.property(input, (given) => {
        const seats = [...pairRound(given).seats.values()];
        expect(new Set(seats).size).toBe(seats.length);
      }),
    );
  });
});

describe('over many rounds', () => {
  test.each([6, 7, 10, 25, 50, 100])('%i people all meet before anyone meets again', (count) => {
    const team = new SimulatedTeam(ids(count));
    const rounds = count % 2 === 0 ? count - 1 : count;
    for (let round = 0; round < rounds; round++) expect(team.hold(pairRound(team.next()))).toBe(0);
    expect(team.met.size).toBe((count * (count - 1)) / 2);
  });

  test('in a second cycle all meet again before anyone meets a third time', () => {
    const team = new SimulatedTeam(ids(8));
    for (let round = 0; round < 14; round++) team.hold(pairRound(team.next()));
    expect([...team.met.values()].every(({ times }) => times === 2)).toBe(true);
  });

  test('rests are shared fairly: nobody rests twice more than another, whatever the size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 15 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (count, size, rounds) => {
          const team = new SimulatedTeam(ids(count));
          const rests = new Map(ids(count).map((id) => [id, 0]));
          for (let round = 0; round < rounds; round++) {
            const held = pairRound(team.next({ size }));
            for (const { id } of held.resting) rests.set(id, (rests.get(id) ?? 0) + 1);
            team.hold(held);
          }
          expect(Math.max(...rests.values()) - Math.min(...rests.values())).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 60, examples: [[5, 3, 25]] },
    );
  });

  test('a newcomer does not rest in the first round', () => {
    const team = new SimulatedTeam(ids(6));
    for (let round = 0; round < 4; round++) team.hold(pairRound(team.next()));
    team.people = [...team.people, { id: 'new', teams: [], reach: ['memory'] }];
    expect(pairRound(team.next()).resting.map(({ id }) => id)).not.toContain('new');
  });

  test.each([
    [25, 2],
    [50, 0],
  ])('with 5 %% of %i people joining and leaving at most %i of 1,000 pairs repeat', (count, most) => {
    const team = new SimulatedTeam(ids(count));
    let [pairs, repeats, joined, turnover] = [0, 0, count, 0];
    for (let round = 0; round < 52; round++) {
      const held = pairRound(team.next());
      pairs += held.quality.pairs;
      repeats += team.hold(held);
      for (turnover += count / 20; turnover >= 1; turnover--) {
        const leaver = (round * 7 + joined) % team.people.length;
        team.people = team.people.filter((_, at) => at !== leaver);
        team.people.push({ id: `p${joined++}`, teams: [], reach: ['memory'] });
      }
    }
    expect((repeats * 1000) / pairs).toBeLessThanOrEqual(most);
  });
});

describe('group sizes and leftover people', () => {
  test.each([
    [2, 2, [2]],
    [5, 2, [3, 2]],
    [7, 3, [4, 3]],
    [5, 3, [3, 2]],
    [8, 3, [4, 4]],
    [11, 4, [4, 4, 3]],
    [4, 5, [4]],
    [1, 2, []],
  ])('%i people in groups of %i make %j', (people, size, sizes) => {
    expect(groupSizes(people, size)).toEqual(sizes);
  });

  test('a leftover person makes a trio if nobody should rest', () => {
    const { groups, resting } = pairRound(new SimulatedTeam(ids(7)).next({ odd: 'join' }));
    expect(groups.map((group) => group.length).toSorted((one, other) => one - other)).toEqual([2, 2, 3]);
    expect(resting).toEqual([]);
  });

  test('a person who cannot be paired with anyone rests, and the others are paired as usual', () => {
    const apart = [1, 2, 3, 4, 5].map((other) => ['p0', `p${other}`]);
    const { groups, resting } = pairRound(new SimulatedTeam(ids(6)).next({ apart, odd: 'join' }));
    expect(resting).toEqual([{ id: 'p0', why: 'nobody left' }]);
    expect(groups.flat()).toHaveLength(5);
  });

  test('people from different teams are preferred, and strangers even more', () => {
    const team = new SimulatedTeam(ids(12));
    team.people = team.people.map((one, at) => ({ ...one, teams: [at < 6 ? 'red' : 'blue'] }));
    for (let round = 0; round < 6; round++) {
      const held = pairRound(team.next({ across: true }));
      expect([held.quality.sameTeam, team.hold(held)]).toEqual([0, 0]);
    }
    const held = pairRound(team.next({ across: true }));
    expect([held.quality.sameTeam, team.hold(held)]).toEqual([6, 0]);
  });

  test('thousands with teams, trios and people kept apart are paired without a repeat', () => {
    const team = new SimulatedTeam(ids(2001));
    team.people = team.people.map((one, at) => ({ ...one, teams: [`team${at % 7}`] }));
    for (let round = 0; round < 2; round++) {
      const held = pairRound(team.next({ across: true, odd: 'join', apart: [ids(30)] }));
      expect([held.quality.repeats, held.quality.sameTeam, held.resting]).toEqual([0, 0, []]);
      team.hold(held);
    }
  });
});

test('in the circle each seat faces every other once', () => {
  for (const seats of [2, 4, 10, 26]) {
    for (let seat = 0; seat < seats; seat++) {
      const faced = Array.from({ length: seats - 1 }, (_, round) => facing(seat, round + 3, seats));
      expect(new Set(faced).size).toBe(seats - 1);
      expect(faced).not.toContain(seat);
      for (const [at, other] of faced.entries()) expect(facing(other, at + 3, seats)).toBe(seat);
    }
  }
});

test('people who stay keep their seats, newcomers take free ones', () => {
  expect(seating([undefined, 3, 0, undefined], [1])).toEqual({ seats: [2, 3, 0, 4], count: 6 });
});

test('the matching is the cheapest of the largest ones', () => {
  const graph = fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(7), fc.integer({ min: 0, max: 50 })), {
    maxLength: 20,
    selector: ([one, other]) => Math.min(one, other) * 8 + Math.max(one, other),
  });
  fc.assert(
    fc.property(graph, (drawn) => {
      const edges = drawn.filter(([one, other]) => one !== other);
      const mates = cheapestMatching(edges);
      const chosen = edges.filter(([one, other]) => mates.get(one) === other);
      for (const [one, other] of mates) expect(mates.get(other)).toBe(one);
      expect([chosen.length, sum(chosen)]).toEqual(bestOf(edges));
    }),
    { numRuns: 300 },
  );
});

const sum = (edges: readonly Edge[]): number => edges.reduce((total, [, , cost]) => total + cost, 0);

/** Size and cost of the cheapest of the largest matchings, by trying all. */
function bestOf(edges: readonly Edge[]): [size: number, cost: number] {
  const [first, ...rest] = edges;
  if (!first) return [0, 0];
  const without = bestOf(rest);
  const free = rest.filter((edge) => !edge.slice(0, 2).some((vertex) => vertex === first[0] || vertex === first[1]));
  const [size, cost] = bestOf(free);
  const taken: [number, number] = [size + 1, cost + first[2]];
  return taken[0] > without[0] || (taken[0] === without[0] && taken[1] < without[1]) ? taken : without;
}
