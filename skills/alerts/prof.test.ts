import pg from 'pg';
import { startAlertsBot, bodyOf, OPTIONS } from './test-bot.ts';
import { takeNotification } from './intake.ts';
import { alertOptions } from './options.ts';

test('profile', async () => {
  const bot = await startAlertsBot();
  const client = new pg.Client({ connectionString: bot.databaseUrl });
  await client.connect();
  const options = alertOptions.parse(OPTIONS);
  const out: string[] = [];
  const run = async (body: unknown, label: string) => {
    let posts = 0, ats = 0, stmts: string[] = [];
    const ctx: any = {
      options, now: new Date(), timeZone: 'UTC', log: { warn() {}, info() {}, debug() {}, error() {} }, people: {}, rooms: { byName: (n: string) => ({ name: n, addresses: [] }) },
      sql: async (t: string, p: unknown[]) => { const b = performance.now(); const r = await client.query(t, p as any); stmts.push(`${t.trim().slice(0, 40).replace(/\s+/g,' ')}: ${Math.round(performance.now() - b)}`); return r.rows; },
      post: async () => { posts++; }, say: async () => {}, at: async () => { ats++; }, state: { get: async () => undefined, set: async () => {} },
    };
    await client.query('begin');
    const b = performance.now();
    await takeNotification(ctx, { source: 'prod', body, receivedAt: ctx.now });
    out.push(`${label}: ${Math.round(performance.now() - b)} ms, posts ${posts}, ats ${ats}\n   ${stmts.join('\n   ')}`);
    await client.query('commit');
  };
  for (const group of [false, true]) {
    const list = Array.from({ length: 10_000 }, (_, index) => ({ pod: `p-${index}`, ...(group && { team: 'grouppage' }) }));
    for (const status of ['firing', 'firing', 'resolved', 'firing'] as const) await run(bodyOf(list.map((one) => ({ ...one, status }))), `${group} ${status}`);
  }
  for (const status of ['firing', 'firing', 'resolved', 'resolved', 'firing'] as const) await run(bodyOf([{ pod: 'single', status }]), `single ${status}`);
  for (const status of ['firing', 'firing', 'resolved', 'firing'] as const) await run(bodyOf([{ pod: 'single2', team: 'groups2', status }]), `single2 ${status}`);
  console.log(out.join('\n'));
  await client.end();
  await bot.stop();
}, 100_000);
