import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Row } from './harness/bench.ts';
import { takenAfterMs, type Load } from './harness/load.ts';
import { percentile, short } from './harness/numbers.ts';
import { takenIn } from './harness/shown.ts';
import type { Stage } from './harness/stage.ts';
import { ANN, type World } from './harness/world.ts';
import { fillHistory } from './history-rows.ts';

/** A path counts as slower above this ratio, and if the difference is more than a millisecond. */
const RATIO = 1.25;
const ROWS = 1_000_000;
const PAUSE_MS = 12;

/** Everyday operations on a database with a million old rows, compared with the same program on an empty one. */
export const history: Bench = async (stage) => {
  const [rounds, count, rows] = stage.quick ? [1, 30, ROWS / 50] : [4, 60, ROWS];
  const full = await stage.startWorld('full');
  const written = await fillHistory(full, rows);
  const empty = await stage.startWorld('empty');
  const load = stage.load();
  const times = { full: newTimes(), empty: newTimes() };
  for (let round = -1; round < rounds; round++) {
    for (const [name, world] of [
      ['full', full],
      ['empty', empty],
    ] as const) {
      const measured = await measure(stage, world, load, { prefix: `${name}R${round + 1}N`, count });
      if (round >= 0) for (const path of PATHS) times[name][path].push(...measured[path]);
    }
  }
  const row = (path: Path): Row => {
    const [ours, bare] = [percentile(times.full[path], 0.5), percentile(times.empty[path], 0.5)];
    return {
      benchmark: `history: ${path}, p50, with ${written.toLocaleString('en-US')} old rows`,
      ours: `${short(ours)} ms`,
      peer: `${short(bare)} ms, empty database`,
      ratio: short(ours / bare),
      target: `ratio ≤ ${RATIO}`,
      met: ours / bare <= RATIO || ours - bare < 1,
    };
  };
  const tail = (path: Path): string =>
    `${path} ${short(percentile(times.full[path], 0.99))} / ${short(percentile(times.empty[path], 0.99))}`;
  return { rows: PATHS.map(row), notes: [`history: p99 in ms, full / empty: ${PATHS.map(tail).join(', ')}.`] };
};

const PATHS = ['webhook → room', 'alerts', 'ack'] as const;
type Path = (typeof PATHS)[number];
type Times = Record<Path, number[]>;

const newTimes = (): Times => ({ 'webhook → room': [], alerts: [], ack: [] });

async function measure(
  stage: Stage,
  world: World,
  load: Load,
  { prefix, count }: { prefix: string; count: number },
): Promise<Times> {
  const shape = { type: 'one by one', pauseMs: PAUSE_MS, homeserver: world.homeserver.url } as const;
  const webhooks = await world.send(load, { bodies: { prefix, count, groups: 100 }, shape });
  const open = await world.query<{ number: number }>(
    `select number from alerts where phase = 'firing' and name like $1 order by number`,
    [`${prefix}%`],
  );
  const times = {
    'webhook → room': takenAfterMs(webhooks),
    alerts: await ask(
      stage,
      world,
      open.slice(0, count / 2).map(() => '!alerts'),
    ),
    ack: await ask(
      stage,
      world,
      open.map(({ number }) => `!ack ${number}`),
    ),
  };
  // The same few alerts are open in each round, in both databases.
  await ask(stage, world, [`!close ${open.map(({ number }) => number).join(' ')} measured`]);
  await world.settled();
  return times;
}

/** Sends lines one after another; resolves to the milliseconds from each line to its answer, both measured at the homeserver. */
async function ask(stage: Stage, world: World, lines: readonly string[]): Promise<number[]> {
  const answered = new Map<string, number>();
  for (const line of lines) {
    const id = await world.homeserver.say(ANN, world.room, line);
    const answer = await fetch(`${world.homeserver.url}/_fake/named/${encodeURIComponent(id)}`, {
      signal: AbortSignal.timeout(20_000),
    });
    answered.set(id, Number(await answer.text()));
    await sleep(PAUSE_MS);
  }
  const said = new Map((await takenIn(world.homeserver, world.room, stage.offsetMs)).map((one) => [one.id, one.atMs]));
  return [...answered].map(([id, atMs]) => atMs - (said.get(id) ?? Number.NaN));
}
