import type { Pairing } from './pairing.ts';
import type { PairHistory, Participant, RoundInput } from './roster.ts';

/** State of a team between rounds, for tests and the benchmark. */
export class SimulatedTeam {
  readonly met = new Map<string, PairHistory>();
  people: Participant[];
  round = 0;

  constructor(ids: readonly string[]) {
    this.people = ids.map((id) => ({ id, teams: [], reach: ['memory'] }));
  }

  next(more: Partial<RoundInput> = {}): RoundInput {
    return {
      round: this.round + 1,
      seed: this.round + 1,
      size: 2,
      odd: 'rest',
      participants: this.people,
      met: [...this.met.values()],
      apart: [],
      across: false,
      keptSeats: [],
      ...more,
    };
  }

  /** Records a round. Returns how many of its pairs had met before. */
  hold({ groups, resting, seats }: Pick<Pairing, 'groups' | 'resting' | 'seats'>): number {
    this.round++;
    const rest = new Set(resting.map(({ id }) => id));
    this.people = this.people.map((person) => ({
      ...person,
      joined: person.joined ?? this.round,
      rested: rest.has(person.id) ? this.round : person.rested,
      rests: (person.rests ?? 0) + (rest.has(person.id) ? 1 : 0),
      seat: seats.get(person.id),
    }));
    let repeats = 0;
    for (const group of groups)
      for (const [at, one] of group.entries())
        for (const other of group.slice(at + 1)) {
          const key = `${one} ${other}`;
          const before = this.met.get(key);
          if (before) repeats++;
          this.met.set(key, { one, other, times: (before?.times ?? 0) + 1, last: this.round });
        }
    return repeats;
  }
}
