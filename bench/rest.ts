import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './harness/bench.ts';
import { processorSeconds } from './harness/machine.ts';
import { percentile, short } from './harness/numbers.ts';
import { TOKEN } from './harness/world.ts';

const PER_SECOND = 200;
const P99_MS = 20;
/** The query of `alerts open`, in a simple form without access rules. */
const SAME_SQL = `select a.number, a.name, a.severity, a.source, a.labels, a.annotations, a.started_at, a.ack, a.places from alerts a
  where a.phase = 'firing' and a.places @> '[{"rooms": ["ops"]}]'
  order by case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.number limit 51`;

/** `GET /api/v1/alerts/open` at a steady rate, 50 of 200 open alerts each, compared with bare express with a similar query. */
export const rest: Bench = async (stage) => {
  const [rounds, count] = stage.quick ? [2, 400] : [5, 2000];
  const world = await stage.startWorld('bell', {
    api: { tokens: { bench: { token: { file: 'alerts-token' }, queries: ['*'] } } },
  });
  await world.send(stage.load(), {
    bodies: { prefix: 'Rest', count: 200, groups: 100 },
    shape: { type: 'at once', atOnce: 8 },
  });
  await world.settled();
  const peer = await stage.peer({ query: { databaseUrl: world.databaseUrl, sql: SAME_SQL } });
  const [ours, bare]: [number[], number[]] = [[], []];
  const used = { ours: 0, bare: 0 };
  for (let round = -1; round < rounds; round++) {
    const before = [await processorSeconds(world.program.pid), await processorSeconds(peer.pid)] as const;
    const a = await askSteadily(`${world.program.url}/api/v1/alerts/open`, count);
    if (round < 0) world.program.profileFromNow();
    const b = await askSteadily(new URL('/query', peer.url).href, count);
    if (round < 0) continue;
    used.ours += (await processorSeconds(world.program.pid)) - before[0];
    used.bare += (await processorSeconds(peer.pid)) - before[1];
    ours.push(...a);
    bare.push(...b);
  }
  const eachMs = (seconds: number): string => short((seconds * 1000) / (rounds * count));
  const row = (share: number, target?: number) => {
    const [a, b] = [percentile(ours, share), percentile(bare, share)];
    return {
      benchmark: `rest: GET alerts/open, ${PER_SECOND} per second, p${share * 100}`,
      ours: `${short(a)} ms`,
      peer: `${short(b)} ms, bare express with the same query`,
      ratio: short(a / b),
      target: target === undefined ? '' : `≤ ${target} ms`,
      met: target === undefined ? undefined : a <= target,
    };
  };
  return {
    rows: [row(0.5), row(0.99, P99_MS)],
    notes: [
      `rest: ${ours.length} requests each; times are measured from when a request was due; CPU time per request ${eachMs(used.ours)} ms in the program, ${eachMs(used.bare)} ms in bare express.`,
    ],
  };
};

/** Milliseconds from when each request was due until its answer was read. @throws on an answer other than 200. */
async function askSteadily(url: string, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const begunMs = performance.now();
  const asked: Promise<number>[] = [];
  for (let at = 0; at < count; at++) {
    const dueMs = begunMs + (at * 1000) / PER_SECOND;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    asked.push(ask(url, agent).then(() => performance.now() - dueMs));
  }
  try {
    return await Promise.all(asked);
  } finally {
    agent.destroy();
  }
}

function ask(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent, headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${response.statusCode} from ${url}`));
      response.resume().once('end', resolve);
    })
      .once('error', reject)
      .end();
  });
}
