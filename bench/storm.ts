import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './harness/bench.ts';
import { alertName } from './harness/body.ts';
import { monotonicMs } from './harness/clock.ts';
import { answerTimesMs } from './harness/load.ts';
import { short } from './harness/numbers.ts';

const COUNT = 300;
const PER_SECOND = 100;
const WITHIN_S = 30;
const ANSWER_MS = 100;
/** Synapse's own default. */
const RATE = { perSecond: 0.2, burst: 10 };

/** 300 alerts in three seconds to a room that accepts one message every five seconds: each must still be named in it soon. */
export const storm: Bench = async (stage) => {
  const world = await stage.startWorld('bell');
  const load = stage.load();
  await world.send(load, { bodies: { prefix: 'WarmN', count: 50, groups: 10 }, shape: { type: 'at once', atOnce: 1 } });
  await world.settled();
  world.program.profileFromNow();
  await world.homeserver.setRate(RATE);
  const bodies = { prefix: 'StormN', count: COUNT, groups: 10 };
  const waiting = new Set(Array.from({ length: COUNT }, (_, index) => alertName(bodies.prefix, index)));
  const sending = world.send(load, { bodies, shape: { type: 'steady', perSecond: PER_SECOND } });
  const begunMs = monotonicMs();
  let pages = 0;
  while (waiting.size > 0 && monotonicMs() - begunMs < 2 * WITHIN_S * 1000) {
    await sleep(250);
    const shown = await world.homeserver.shown(world.room);
    pages = shown.filter((message) => message.text.includes(bodies.prefix)).length;
    for (const name of waiting) if (shown.some((message) => message.text.includes(name))) waiting.delete(name);
  }
  const allAfterS = (monotonicMs() - begunMs) / 1000;
  const slowest = Math.max(...answerTimesMs(await sending));
  const named = COUNT - waiting.size;
  return {
    rows: [
      {
        benchmark: `storm: ${COUNT} alerts to a room with 0.2 sends/s, burst 10, until all are named`,
        ours: waiting.size === 0 ? `${short(allAfterS)} s` : `${named} of ${COUNT} after ${short(allAfterS)} s`,
        peer: `two bridges: 21 and 22 of ${COUNT} after 60 s (measured earlier)`,
        ratio: short(named / 22),
        target: `≤ ${WITHIN_S} s`,
        met: waiting.size === 0 && allAfterS <= WITHIN_S,
      },
      {
        benchmark: 'storm: slowest webhook',
        ours: `${short(slowest)} ms`,
        peer: 'limit',
        ratio: short(slowest / ANSWER_MS),
        target: `< ${ANSWER_MS} ms`,
        met: slowest < ANSWER_MS,
      },
    ],
    notes: [`storm: ${pages} messages named the ${named} alerts.`],
  };
};
