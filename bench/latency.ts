import type { Bench } from './harness/bench.ts';
import { takenAfterMs } from './harness/load.ts';
import { percentile, short } from './harness/numbers.ts';

const P50_MS = 5;
const P99_MS = 15;
/** Reference values: bridges, measured earlier on a similar machine. */
const BRIDGES = 'matrix-alertmanager 3.3 / 10.2 ms and opsdroid 3.5 / 6.3 ms (p50 / p99) store nothing';

/** Webhook sent → message accepted by the homeserver, idle: one at a time, compared with one INSERT and one PUT in bare express. */
export const latency: Bench = async (stage) => {
  const [rounds, count, warmUp] = stage.quick ? [2, 40, 40] : [5, 240, 200];
  const world = await stage.startWorld('bell');
  const peer = await stage.forwardingPeer();
  const load = stage.load();
  const shape = { type: 'one by one', pauseMs: 12, homeserver: world.homeserver.url } as const;
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const bodies = { count: round < 0 ? warmUp : count, groups: 100 };
    const a = await world.send(load, { bodies: { ...bodies, prefix: `OursR${round + 1}N` }, shape });
    await world.settled();
    if (round < 0) world.program.profileFromNow();
    const b = await load.send({ url: peer.url, bodies: { ...bodies, prefix: `PeerR${round + 1}N` }, shape });
    if (round < 0) continue;
    ours.push(...takenAfterMs(a));
    bare.push(...takenAfterMs(b));
  }
  const row = (share: number, targetMs: number) => ({
    benchmark: `latency: webhook → accepted by the homeserver, idle, p${share * 100}`,
    ours: `${short(percentile(ours, share))} ms`,
    peer: `${short(percentile(bare, share))} ms, bare express + INSERT + PUT`,
    ratio: short(percentile(ours, share) / percentile(bare, share)),
    target: `≤ ${targetMs} ms`,
    met: percentile(ours, share) <= targetMs,
  });
  return { rows: [row(0.5, P50_MS), row(0.99, P99_MS)], notes: [`latency: ${ours.length} webhooks each; ${BRIDGES}.`] };
};
