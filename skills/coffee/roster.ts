/** A person who takes part in a round. */
export interface Participant {
  /** Key in `people:`, else connector and account. */
  readonly id: string;
  /** Their first round; undefined: this one. */
  readonly joined?: number | undefined;
  /** The last round they sat out or were away. Undefined: none. */
  readonly rested?: number | undefined;
  /** How many rounds they sat out or were away. */
  readonly rests?: number | undefined;
  /** Seat in the circle after the last round. */
  readonly seat?: number | undefined;
  /** The groups they are in, of those that should mix. */
  readonly teams: readonly string[];
  /** Connectors on which a conversation with them can be opened. */
  readonly reach: readonly string[];
}

/** Two people who were in the same group before; `last` is the last such round. */
export interface PairHistory {
  readonly one: string;
  readonly other: string;
  readonly times: number;
  readonly last: number;
}

export interface RoundInput {
  /** 1 for the first. */
  readonly round: number;
  /** The same seed and input give the same round. */
  readonly seed: number;
  readonly size: number;
  /** Leftover people join another group, or rest. */
  readonly odd: 'join' | 'rest';
  readonly participants: readonly Participant[];
  readonly met: readonly PairHistory[];
  /** Lists of people who are never put together. */
  readonly apart: readonly (readonly string[])[];
  /** Prefer people from different teams. */
  readonly across: boolean;
  /** Seats of people who only miss this round. */
  readonly keptSeats: readonly number[];
}

export interface PastMeetings {
  readonly times: number;
  readonly last: number;
}

/**
 * The participants by number, and what is known about each pair. Sorted by id, so that the order in which a platform lists
 * its members makes no difference.
 */
export class Roster {
  readonly input: RoundInput;
  readonly people: readonly Participant[];
  readonly #numbers = new Map<string, number>();
  readonly #met = new Map<number, PastMeetings>();
  readonly #metWith: number[][];
  readonly #apart = new Set<number>();

  constructor(input: RoundInput) {
    this.input = input;
    this.people = input.participants.toSorted((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
    for (const [number, { id }] of this.people.entries()) this.#numbers.set(id, number);
    this.#metWith = this.people.map(() => []);
    for (const { one, other, times, last } of input.met) {
      const [a, b] = [this.#numbers.get(one), this.#numbers.get(other)];
      if (a === undefined || b === undefined || a === b) continue;
      const key = this.#key(a, b);
      const before = this.#met.get(key);
      if (!before) {
        this.#metWith[a]?.push(b);
        this.#metWith[b]?.push(a);
      }
      this.#met.set(key, { times: times + (before?.times ?? 0), last: Math.max(last, before?.last ?? 0) });
    }
    for (const list of input.apart) {
      const numbers = list.flatMap((id) => this.#numbers.get(id) ?? []);
      for (const [at, one] of numbers.entries())
        for (const other of numbers.slice(at + 1)) this.#apart.add(this.#key(one, other));
    }
  }

  get size(): number {
    return this.people.length;
  }

  numberOf(id: string): number | undefined {
    return this.#numbers.get(id);
  }

  /** Throws if the number is not one of this roster's. */
  person(number: number): Participant {
    const found = this.people[number];
    if (!found) throw new RangeError(`nobody has the number ${number}`);
    return found;
  }

  met(one: number, other: number): PastMeetings | undefined {
    return this.#met.get(this.#key(one, other));
  }

  metWith(one: number): readonly number[] {
    return this.#metWith[one] ?? [];
  }

  /** Whether two people can be paired: not kept apart, and with a platform in common. */
  mayMeet(one: number, other: number): boolean {
    if (one === other || this.#apart.has(this.#key(one, other))) return false;
    return this.#reach([one, other]);
  }

  isApart(one: number, other: number): boolean {
    return this.#apart.has(this.#key(one, other));
  }

  /** Whether no two of them are kept apart, and all have a platform in common. */
  mayAllMeet(group: readonly number[]): boolean {
    return (
      group.every((one, at) => group.slice(at + 1).every((other) => this.mayMeet(one, other))) && this.#reach(group)
    );
  }

  sameTeam(one: number, other: number): boolean {
    const { teams } = this.person(other);
    return this.person(one).teams.some((team) => teams.includes(team));
  }

  #reach(group: readonly number[]): boolean {
    const [first, ...others] = group.map((number) => this.person(number).reach);
    return first?.some((connector) => others.every((reach) => reach.includes(connector))) ?? false;
  }

  #key(one: number, other: number): number {
    return one < other ? one * this.people.length + other : other * this.people.length + one;
  }
}
