import { Worker } from 'node:worker_threads';
import { hash, seededRandom, shuffled } from '../skills/coffee/random.ts';
import { pairRound } from '../skills/coffee/pairing.ts';
import type { RoundInput } from '../skills/coffee/roster.ts';
import { SimulatedTeam } from '../skills/coffee/simulated-team.ts';
import type { Bench, Row } from './harness/bench.ts';
import { short } from './harness/numbers.ts';

const SIZES = [6, 10, 25, 50, 100, 201, 500];
const TURNOVER_SIZES = [25, 50, 100];
const TURNOVER = 0.05;
const WEEKS = 52;
const GREEDY_RUNS = 20;

/** The method of mattermost-coffeebot: in random order, each person gets the free person they met least; the last one is left out. */
function greedy(team: SimulatedTeam, seed: number): [string, string][] {
  const times = new Map([...team.met.values()].map((pair) => [`${pair.one} ${pair.other}`, pair.times]));
  const free = shuffled(
    team.people.map(({ id }) => id),
    seededRandom(seed),
  );
  const pairs: [string, string][] = [];
  for (let one = free.shift(); one !== undefined && free.length > 0; one = free.shift()) {
    const count = (other: string): number => times.get(sorted(one ?? '', other).join(' ')) ?? 0;
    const best = free.reduce((chosen, other) => (count(other) < count(chosen) ? other : chosen));
    free.splice(free.indexOf(best), 1);
    pairs.push(sorted(one, best));
  }
  return pairs;
}

/** Sorted as in the engine, so that a pair has one key. */
function sorted(one: string, other: string): [string, string] {
  return one < other ? [one, other] : [other, one];
}

type Method = (team: SimulatedTeam, seed: number) => number;
const ours: Method = (team) => team.hold(pairRound(team.next()));
const prior: Method = (team, seed) => team.hold({ groups: greedy(team, seed), resting: [], seats: new Map() });

const teamOf = (count: number): SimulatedTeam => new SimulatedTeam(Array.from({ length: count }, (_, at) => `p${at}`));

/** Rounds until two people meet again. */
function withoutRepeat(count: number, method: Method, seed: number): number {
  const team = teamOf(count);
  for (let round = 0; ; round++) if (round > 2 * count || method(team, hash(seed, round)) > 0) return round;
}

/** Pairs that had met before, per 1,000, over a year in which people join and leave. */
function repeatsWithTurnover(count: number, method: Method, seed: number): number {
  const team = teamOf(count);
  const random = seededRandom(seed);
  let [pairs, repeats, joined, leaving] = [0, 0, count, 0];
  for (let week = 0; week < WEEKS; week++) {
    pairs += Math.floor(count / 2);
    repeats += method(team, hash(seed, week));
    for (leaving += count * TURNOVER; leaving >= 1; leaving--) {
      team.people.splice(Math.floor(random() * team.people.length), 1);
      team.people.push({ id: `p${joined++}`, teams: [], reach: ['memory'] });
    }
  }
  return (repeats * 1000) / pairs;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}

const seeds = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

/** One round in its own thread, as in the bot: milliseconds including the thread start, and the memory growth of the process. */
async function inThread(input: RoundInput): Promise<{ ms: number; megabytes: number; repeats: number }> {
  const before = process.memoryUsage.rss();
  const begun = performance.now();
  let most = before;
  const watching = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
  const pairing = await new Promise<ReturnType<typeof pairRound>>((resolve, reject) => {
    const worker = new Worker(new URL('../skills/coffee/pair-thread.ts', import.meta.url), { workerData: input });
    worker.once('message', resolve).once('error', reject);
  });
  const ms = performance.now() - begun;
  clearInterval(watching);
  most = Math.max(most, process.memoryUsage.rss());
  return { ms, megabytes: (most - before) / 1e6, repeats: pairing.quality.repeats };
}

/** How long people meet new people, compared with mattermost-coffeebot's method, and the cost of a large room. */
export const pairing: Bench = async (stage) => {
  const rows: Row[] = [];
  for (const count of stage.quick ? SIZES.slice(0, 5) : SIZES) {
    const possible = count % 2 === 0 ? count - 1 : count;
    const rounds = withoutRepeat(count, ours, 1);
    const before = mean(seeds(count > 200 ? 3 : GREEDY_RUNS).map((seed) => withoutRepeat(count, prior, seed)));
    rows.push({
      benchmark: `pairing: rounds before a repeat among ${count}`,
      ours: `${rounds} of ${possible} possible`,
      peer: `greedy by least count ${before.toFixed(1)}`,
      ratio: short(rounds / before),
      target: '≥ 99 % of possible',
      met: rounds >= possible * 0.99,
    });
  }
  for (const count of TURNOVER_SIZES) {
    const runs = seeds(stage.quick ? 2 : 10);
    const repeats = mean(runs.map((seed) => repeatsWithTurnover(count, ours, seed)));
    const before = mean(runs.map((seed) => repeatsWithTurnover(count, prior, seed)));
    rows.push({
      benchmark: `pairing: repeats per 1,000 pairs in ${WEEKS} rounds, ${count} people, 5 % turnover each`,
      ours: repeats.toFixed(1),
      peer: `greedy by least count ${before.toFixed(1)}`,
      ratio: before === 0 ? '' : short(repeats / before),
      target: count === 25 ? '≤ 2' : '0',
      met: repeats <= (count === 25 ? 2 : 0),
    });
  }
  rows.push(...(await large()));
  return { rows };
};

/** 5,000 people: a plain round, and rounds where the circle method does not apply. */
async function large(): Promise<Row[]> {
  const team = teamOf(5000);
  for (let round = 0; round < 10; round++) ours(team, round);
  const teams = new SimulatedTeam([]);
  teams.people = team.people.slice(0, 4999).map((one, at) => ({ ...one, teams: [`team${at % 20}`] }));
  for (const [key, pair] of team.met) teams.met.set(key, pair);
  teams.round = team.round;
  const cases = [
    { what: 'after 10 rounds', input: team.next() },
    { what: 'of 20 teams that should mix, with a trio', input: teams.next({ across: true, odd: 'join' }) },
    { what: 'in groups of 4', input: team.next({ size: 4 }) },
  ];
  const rows: Row[] = [];
  for (const { what, input } of cases) {
    const { ms, megabytes, repeats } = await inThread(input);
    rows.push({
      benchmark: `pairing: 5,000 people ${what}`,
      ours: `${(ms / 1000).toFixed(2)} s, ${Math.round(megabytes)} MB, ${repeats} repeats`,
      peer: 'blossom on the complete graph: not done in 900 s (measured earlier)',
      ratio: '',
      target: '≤ 10 s, ≤ 400 MB',
      met: ms <= 10_000 && megabytes <= 400,
    });
  }
  return rows;
}
