/**
 * Posts alerts to the bot like Alertmanager, one at a time: requests without an answer or with a 5xx are retried; any other
 * rejection is final. Prints one JSON line: how many were accepted in the end, how many attempts did not get a 2xx, and why.
 *   node test/cluster/traffic.ts NAME COUNT EVERY_MS [resolve]
 */
import { samplePayload } from '../../skills/alerts/sample.ts';

const [name = 'Alert', count = '10', everyMs = '200', resolve] = process.argv.slice(2);
const url = process.env['BELL_URL'] ?? '';
const headers = { authorization: `Bearer ${process.env['ALERTS_TOKEN'] ?? ''}`, 'content-type': 'application/json' };
const refused: Record<string, number> = {};
let taken = 0;

async function post(body: unknown): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

async function deliver(body: unknown): Promise<void> {
  for (const until = Date.now() + 120_000; Date.now() < until;) {
    const status = await post(body);
    if (status >= 200 && status < 300) return void taken++;
    const why = status === 0 ? 'no answer' : String(status);
    refused[why] = (refused[why] ?? 0) + 1;
    if (status >= 400 && status < 500) return;
    await pause(500);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Posts the given number of alerts at a constant pace, even while one waits for its answer. */
const deliveries: Promise<void>[] = [];
for (let nth = 1; nth <= Number(count); nth++) {
  const alert = { name: `${name}${String(nth).padStart(4, '0')}`, labels: { pod: 'traffic' }, severity: 'warning' };
  const send = async (): Promise<void> => {
    await deliver(samplePayload({ ...alert, status: 'firing' }));
    if (resolve === 'resolve') await deliver(samplePayload({ ...alert, status: 'resolved' }));
  };
  deliveries.push(send());
  await pause(Number(everyMs));
}
await Promise.all(deliveries);
console.log(JSON.stringify({ taken, refused }));
