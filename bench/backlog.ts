import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './harness/bench.ts';
import { answerTimesMs } from './harness/load.ts';
import { percentile, short, slopeOf } from './harness/numbers.ts';
import { processorUsed } from './harness/world.ts';

const PER_SECOND = 500;
const SAMPLE_MS = 500;
/** The backlog may hold what arrives in this time; more growth than that over the complete run is a growing backlog. */
const SLACK_S = 1;

/** 500 webhooks a second, each with a new alert: events must be handled as fast as they are accepted. */
export const backlog: Bench = async (stage) => {
  const seconds = stage.quick ? 4 : 60;
  const world = await stage.startWorld('bell');
  const load = stage.load();
  await world.send(load, {
    bodies: { prefix: 'WarmN', count: 500, groups: 100 },
    shape: { type: 'at once', atOnce: 8 },
  });
  await world.settled();
  world.program.profileFromNow();
  const samples: number[] = [];
  let sending = true;
  const sampling = (async () => {
    while (sending) {
      const [row] = await world.query<{ count: number }>(
        `select count(*)::int as count from events where state = 'new'`,
      );
      samples.push(row?.count ?? 0);
      await sleep(SAMPLE_MS);
    }
  })();
  const before = await world.processorTimes();
  const bodies = { prefix: 'SteadyN', count: PER_SECOND * seconds, groups: 100 };
  const result = await world.send(load, { bodies, shape: { type: 'steady', perSecond: PER_SECOND } });
  sending = false;
  await sampling;
  const used = processorUsed(before, await world.processorTimes());
  const share = (ofSeconds: number): string => `${short((ofSeconds * 100) / seconds)} %`;
  const [left] = await world.query<{ count: number }>(`select count(*)::int as count from messages where pending`);
  const growth = Math.max(0, slopeOf(samples) * samples.length);
  const answers = answerTimesMs(result);
  return {
    rows: [
      {
        benchmark: `backlog: unhandled events at ${PER_SECOND}/s for ${seconds} s`,
        ours: `grew by ${short(growth)}, at most ${Math.max(...samples)}`,
        peer: `${PER_SECOND * seconds} received`,
        ratio: short(growth / (PER_SECOND * seconds)),
        target: 'does not grow',
        met: growth <= PER_SECOND * SLACK_S,
      },
    ],
    notes: [
      `backlog: answered within p50 ${short(percentile(answers, 0.5))} ms, p99 ${short(percentile(answers, 0.99))} ms; ${left?.count ?? 0} messages were waiting to be shown when the last webhook arrived; the program used ${share(used.program)} of a core and Postgres ${share(used.postgres)}.`,
    ],
  };
};
