import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './harness/bench.ts';
import { answerTimesMs, perSecond } from './harness/load.ts';
import { processorSeconds } from './harness/machine.ts';
import { percentile, short } from './harness/numbers.ts';
import { firstNamed, takenIn } from './harness/shown.ts';
import { processorUsed } from './harness/world.ts';

const RATIO = 0.6;
const AT_ONCE = 32;
/** Reference values, measured earlier on a similar machine. */
const BRIDGES = 'the two bridges accepted 480 and 760 per second where bare express accepted 2,900 to 3,700';

/** Webhooks answered per second, 32 at once on open connections, compared with bare express that stores nothing. */
export const accept: Bench = async (stage) => {
  const [rounds, count, warmUp] = stage.quick ? [2, 400, 200] : [4, 2000, 1000];
  const world = await stage.startWorld('bell');
  const peer = await stage.peer({});
  const load = stage.load();
  const shape = { type: 'at once', atOnce: AT_ONCE } as const;
  const ours: number[] = [];
  const bare: number[] = [];
  const answersMs: number[] = [];
  const shownAfterS: number[] = [];
  const used = { program: 0, postgres: 0, bare: 0 };
  for (let round = -1; round < rounds; round++) {
    const before = await world.processorTimes();
    const bareBefore = await processorSeconds(peer.pid);
    const prefix = `AcceptR${round + 1}N`;
    const bodies = { prefix, count: round < 0 ? warmUp : count, groups: 100 };
    const a = await world.send(load, { bodies, shape });
    await world.settled();
    const spent = processorUsed(before, await world.processorTimes());
    const named = firstNamed(await takenIn(world.homeserver, world.room, stage.offsetMs), prefix);
    if (named.size !== bodies.count) throw new Error(`${named.size} of ${bodies.count} alerts were shown`);
    await sleep(300);
    const b = await load.send({ url: peer.url, bodies, shape });
    if (round < 0) {
      world.program.profileFromNow();
      continue;
    }
    used.program += spent.program;
    used.postgres += spent.postgres;
    used.bare += (await processorSeconds(peer.pid)) - bareBefore;
    ours.push(perSecond(a));
    bare.push(perSecond(b));
    answersMs.push(...answerTimesMs(a));
    shownAfterS.push((Math.max(...named.values()) - Math.min(...a.startedMs)) / 1000);
  }
  const [a, b] = [percentile(ours, 0.5), percentile(bare, 0.5)];
  const shown = percentile(shownAfterS, 0.5);
  const eachMs = (seconds: number): string => short((seconds * 1000) / (rounds * count));
  return {
    rows: [
      {
        benchmark: `accept: webhooks answered per second, ${AT_ONCE} at once`,
        ours: `${short(a)}/s`,
        peer: `${short(b)}/s, bare express that stores nothing`,
        ratio: short(a / b),
        target: `ratio ≥ ${RATIO}`,
        met: a / b >= RATIO,
      },
      {
        benchmark: `accept: until the last of ${count} is shown`,
        ours: `${short(shown)} s`,
        peer: `${short(count / a)} s to accept them`,
        ratio: short((shown * a) / count),
        target: '',
        met: undefined,
      },
    ],
    notes: [
      `accept: ${rounds} rounds of ${count}, ours ${ours.map(short).join(', ')}/s, bare ${bare.map(short).join(', ')}/s; answered within p50 ${short(percentile(answersMs, 0.5))} ms, p99 ${short(percentile(answersMs, 0.99))} ms; shown at ${short(count / shown)}/s; ${BRIDGES}.`,
      `accept: CPU time per alert from webhook to shown ${eachMs(used.program)} ms in the program and ${eachMs(used.postgres)} ms in Postgres; bare express ${eachMs(used.bare)} ms per webhook.`,
    ],
  };
};
