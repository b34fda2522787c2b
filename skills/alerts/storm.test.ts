import type { TestBot } from '../../src/testing/index.ts';
import { bodyOf, startAlertsBot } from './test-bot.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

const send = (body: unknown): Promise<Response> =>
  fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager/prod`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
    body: JSON.stringify(body),
  });

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const handled = async (): Promise<boolean> => (await bot.query(`select 1 from events where state = 'new' and kind = 'webhook'`)).length === 0;

test.each(['alert', 'group'] as const)('10,000 alerts in one body, shown by %s, are handled in one go, and so is their end', async (show) => {
  const list = Array.from({ length: 10_000 }, (_, index) => ({ pod: `pod-${index}`, ...(show === 'group' && { team: 'grouppage' }) }));
  for (const status of ['firing', 'firing', 'resolved'] as const) {
    const began = performance.now();
    expect((await send(bodyOf(list.map((one) => ({ ...one, status }))))).status).toBe(200);
    await until(handled);
    console.log(show, status, Math.round(performance.now() - began), 'ms');
    expect(await bot.query('select message from errors')).toEqual([]);
    const [row] = await bot.query<{ count: number }>('select count(*) from alerts where phase = $1', [status]);
    expect(row?.count).toBe(10_000);
  }
}, 60_000);

test('the same new alerts from two peers at once are each there once, with numbers in a row', async () => {
  const list = Array.from({ length: 50 }, (_, index) => ({ pod: `pod-${index}` }));
  for (let round = 0; round < 10; round++) {
    const body = bodyOf(list.map(({ pod }) => ({ pod: `${pod}-${round}` })));
    await Promise.all([1, 2, 3, 4].map(() => send(body)));
  }
  await bot.settle();
  const [row] = await bot.query<{ count: number; most: number }>('select count(*), max(number) as most from alerts');
  expect(row?.count).toBe(500);
  expect(bot.messages().filter((one) => one.message.title?.includes('#'))).toHaveLength(500);
  expect(await bot.query('select message from errors')).toEqual([]);
  const episodes = await bot.query('select 1 from alert_episodes');
  expect(episodes).toHaveLength(500);
}, 60_000);
