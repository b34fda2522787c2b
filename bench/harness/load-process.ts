// Posts webhooks over keep-alive connections and records the time of each. Bodies are created before the first is
// sent, so that the load generator uses little CPU during the measurement.
import { codeOf } from '../../src/errors.ts';
import { Agent, get, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { alertName, makeBodies } from './body.ts';
import { monotonicMs } from './clock.ts';
import type { LoadOrder, LoadResult } from './load.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 64 });

function post(order: LoadOrder, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(order.token !== undefined && { authorization: `Bearer ${order.token}` }),
    };
    request(order.url, { method: 'POST', agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    })
      .once('error', reject)
      .end(body);
  });
}

/** When the homeserver accepted a message that names the alert. */
function named(homeserver: string, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`${homeserver}/_fake/named/${name}`, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve(Number(text)));
    }).once('error', reject);
  });
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const bodies = makeBodies(order.bodies).map((body) => Buffer.from(body));
  const startedMs = new Float64Array(bodies.length);
  const takenMs: number[] = [];
  const answeredMs = new Float64Array(bodies.length);
  const refused: string[] = [];
  const send = async (index: number): Promise<void> => {
    const body = bodies[index];
    if (!body) return;
    startedMs[index] = monotonicMs();
    const status = await post(order, body).catch((error: unknown) => codeOf(error) ?? String(error));
    answeredMs[index] = monotonicMs();
    if (status !== 200) refused.push(String(status));
  };
  const { shape } = order;
  if (shape.type === 'one by one') {
    for (let index = 0; index < bodies.length; index++) {
      const taken = named(shape.homeserver, alertName(order.bodies.prefix, index));
      await sleep(shape.pauseMs * (0.75 + Math.random() / 2));
      await send(index);
      takenMs.push(await taken);
    }
  } else if (shape.type === 'at once') {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < bodies.length) await send(next++);
    };
    await Promise.all(Array.from({ length: shape.atOnce }, worker));
  } else {
    const began = monotonicMs();
    const sending: Promise<void>[] = [];
    for (let index = 0; index < bodies.length; index++) {
      const waitMs = began + (index * 1000) / shape.perSecond - monotonicMs();
      if (waitMs > 0) await sleep(waitMs);
      sending.push(send(index));
    }
    await Promise.all(sending);
  }
  return { startedMs: [...startedMs], answeredMs: [...answeredMs], refused, takenMs };
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
