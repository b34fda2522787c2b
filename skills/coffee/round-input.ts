import type { Member, TaskRun } from '#skill';
import type { CoffeeOptions, RoundOptions } from './options.ts';
import { matchesAny } from './name-pattern.ts';
import type { PairHistory, Participant, RoundInput } from './roster.ts';
import { idOf, personOf } from './person-ids.ts';

/** The round to compute. */
export interface RoundId {
  readonly name: string;
  readonly number: number;
  readonly seed: number;
  readonly at: Date;
}

export interface RoundInputs {
  readonly input: RoundInput;
  /** Name, and accounts by connector, of everyone in the rooms. */
  readonly who: ReadonlyMap<string, { readonly name: string; readonly accounts: Readonly<Record<string, string>> }>;
  /** People in the rooms who do not take part this time. */
  readonly away: readonly string[];
  /** People who miss this round but keep their seats; ids as stored. */
  readonly keeping: readonly string[];
  /** People who skip this round; ids as stored. */
  readonly skipping: readonly string[];
}

interface Seat {
  readonly person: string;
  readonly seat: number;
  readonly joined: number;
  readonly rested: number | null;
  readonly rests: number;
}

/** Reads everything a round is computed from: who is in the rooms now, who is away, and past rounds. */
export async function readRoundInput(run: TaskRun<CoffeeOptions, RoundId>): Promise<RoundInputs> {
  const { name, number, seed } = run.payload;
  const options = run.options.rounds[name];
  if (!options) throw new Error(`the round "${name}" is no longer configured`);
  const who = await present(run, options);
  const current = (id: string): string => personOf(run.people, id);
  const paused = await run.read<{ person: string }>('select person from coffee_absences where until > $1', [
    run.payload.at,
  ]);
  const skips = await run.read<{ person: string }>('select person from coffee_skips where name = $1', [name]);
  const away = new Set([...paused, ...skips].map(({ person }) => current(person)));
  const seats = await run.read<Seat>('select person, seat, joined, rested, rests from coffee_seats where name = $1', [
    name,
  ]);
  const seatOf = new Map(seats.map((row) => [current(row.person), row]));
  const met = await run.read<PairHistory>('select one, other, times, last from coffee_met where name = $1', [name]);
  const kept = seats.filter(({ person }) => away.has(current(person)) && who.has(current(person)));
  const taking = [...who.keys()].filter((id) => !away.has(id));
  const input: RoundInput = {
    ...{ round: number, seed, size: options.size, odd: options.odd, across: options.across.length > 0 },
    participants: taking.map((id): Participant => {
      const seat = seatOf.get(id);
      return {
        id,
        ...(seat && { seat: seat.seat, joined: seat.joined, rested: seat.rested ?? undefined, rests: seat.rests }),
        teams: run.people.byId(id)?.groups.filter((group) => options.across.includes(group)) ?? [],
        reach: Object.keys(who.get(id)?.accounts ?? {}),
      };
    }),
    met: met.map((pair) => ({ ...pair, one: current(pair.one), other: current(pair.other) })),
    apart: options.apart.map((list) => list.flatMap((one) => idsNamed(one, who))),
    keptSeats: kept.map(({ seat }) => seat),
  };
  return {
    ...{ input, who, away: [...away].filter((id) => who.has(id)) },
    keeping: kept.map(({ person }) => person),
    skipping: skips.map(({ person }) => person),
  };
}

async function present(run: TaskRun<CoffeeOptions, RoundId>, options: RoundOptions) {
  const who = new Map<string, { name: string; accounts: Record<string, string> }>();
  for (const address of options.room.flatMap((room) => run.room(room)?.addresses ?? [])) {
    const members: readonly Member[] = await run.chat.members(address).catch((error: unknown) => {
      const { code, reason } = error as { code?: unknown; reason?: unknown };
      if (code !== 'WB_REJECTED') throw error;
      throw new Error(`I cannot list the members of ${address.room}: ${String(reason)}`, { cause: error });
    });
    for (const member of members) {
      if (member.bot || member.guest) continue;
      const person = run.people.byAccount(address.connector, member.accountId);
      const id = person?.id ?? idOf(address.connector, member.accountId);
      if (matchesAny(options.without, [id, member.accountId])) continue;
      const known = who.get(id) ?? {
        name: run.people.nameOf(address.connector, member.accountId, member.name),
        accounts: {},
      };
      who.set(id, { ...known, accounts: { ...known.accounts, [address.connector]: member.accountId } });
    }
  }
  return who;
}

function idsNamed(word: string, who: RoundInputs['who']): string[] {
  if (who.has(word)) return [word];
  return [...who].filter(([, { accounts }]) => Object.values(accounts).includes(word)).map(([id]) => id);
}
