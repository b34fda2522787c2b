import pg from 'pg';
import { defineSkill, defineTimer, z, type Webhook } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { Line } from '../harness/line.ts';
import { until } from '../harness/until.ts';

const knock: Webhook = {
  verify: () => ({ bearer: [{ file: 'token' }] }),
  sources: () => ['default'],
  run: async (calls) => {
    for (const { context, request } of calls) await context.say('lobby', `knock ${(request.body as { n: number }).n}`);
  },
};

const probe = defineSkill({
  name: 'probe',
  commands: {
    'ping {n:int}': { help: 'answers', run: ({ args }) => `pong ${args.n}` },
    later: {
      help: 'sets a timer',
      run: ({ now, at }) => at('later', new Date(now.getTime() + 60_000), 'due', {}),
    },
  },
  webhooks: { knock },
  timers: { due: defineTimer({ payload: z.object({}), run: (context) => context.say('lobby', 'due') }) },
});

let line: Line;
let bot: TestBot;
beforeEach(async () => {
  line = new Line(process.env['WATCHBELL_TEST_POSTGRES'] ?? '');
  await line.mend();
  bot = await startTestBot({ skills: [probe], secrets: { token: 'secret' }, databasePort: line.port });
});
afterEach(async () => {
  await bot.stop();
  await line.cut();
});

const back = () => until(() => bot.app.database.available);

let heard = 0;
function hear(text: string): void {
  bot.platform.happen({
    type: 'message',
    id: `heard-${heard++}`,
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
    text: `!${text}`,
    mentionsBot: false,
  });
}

test('while the database is away webhooks get 503 at once, with one sentence and when to come again', async () => {
  expect((await bot.webhook('knock', { n: 0 }, 'secret')).status).toBe(200);
  await line.cut();
  const times: number[] = [];
  for (let n = 1; n <= 10; n++) {
    const begun = performance.now();
    const answer = await bot.webhook('knock', { n }, 'secret');
    times.push(performance.now() - begun);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toEqual({
      type: 'about:blank',
      status: 503,
      title: expect.stringMatching(/send it again$/),
    });
  }
  // At once, where the machine lets it: most of them. Nobody waits for a timeout of the database, the first included.
  expect(times.toSorted((a, b) => a - b)[3]).toBeLessThan(300);
  expect(Math.max(...times)).toBeLessThan(5000);
  await line.mend();
  await back();
  expect((await bot.webhook('knock', { n: 11 }, 'secret')).status).toBe(200);
  expect(bot.texts()).toEqual(['knock 0', 'knock 11']);
});

test('a webhook is answered once its row is committed, and not before', async () => {
  const holder = new pg.Client({ connectionString: bot.databaseUrl });
  await holder.connect();
  await holder.query(`
    create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
    create constraint trigger hold after insert on events deferrable initially deferred for each row execute function hold();
    select pg_advisory_lock(1)`);
  try {
    let answered = false;
    const answer = bot.webhook('knock', { n: 1 }, 'secret').finally(() => (answered = true));
    await until(
      async () => (await bot.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)).length > 0,
    );
    // Whatever would have been answered by now has arrived.
    await fetch(`http://127.0.0.1:${bot.app.port}/nothing`);
    expect([answered, await bot.query('select 1 from events')]).toEqual([false, []]);
    await holder.query('select pg_advisory_unlock(1)');
    expect((await answer).status).toBe(200);
    expect(bot.texts()).toEqual(['knock 1']);
  } finally {
    await holder.end();
  }
});

test('what is said while the database is away is answered once when it is back, in order', async () => {
  await bot.say('ping 0');
  await line.cut();
  for (const n of [1, 2, 3]) hear(`ping ${n}`);
  await until(() => !bot.app.database.available);
  await line.mend();
  await bot.settle();
  expect(bot.texts()).toEqual(['pong 0', 'pong 1', 'pong 2', 'pong 3']);
  expect(await bot.say('ping 4')).toEqual(['pong 4']);
});

test('a timer that became due while the database was away fires once', async () => {
  await bot.say('later');
  await line.cut();
  await until(async () => (await bot.webhook('knock', { n: 1 }, 'secret')).status === 503);
  await line.mend();
  await bot.advance(61_000);
  expect(bot.texts()).toEqual(['due']);
});

test('webhooks under a line that is cut again and again: each that was accepted is shown once, each that was not may be', async () => {
  const accepted = new Set<number>();
  let n = 0;
  for (let round = 0; round < 4; round++) {
    const posting = Promise.all(
      Array.from({ length: 40 }, async () => {
        const mine = n++;
        const response = await fetch(`http://127.0.0.1:${bot.app.port}/webhooks/knock`, {
          method: 'POST',
          headers: { authorization: 'Bearer secret' },
          body: JSON.stringify({ n: mine }),
        });
        expect([200, 503]).toContain(response.status);
        if (response.status === 200) accepted.add(mine);
      }),
    );
    // Cut in the middle: after some were stored, while others are on their way.
    await until(async () => (await bot.query('select 1 from events')).length > round * 10);
    await line.cut();
    await posting;
    await line.mend();
    await back();
  }
  await bot.settle();
  const shown = bot.texts().map((text) => Number(text.split(' ')[1]));
  expect(new Set(shown).size).toBe(shown.length);
  for (const one of accepted) expect(shown).toContain(one);
  expect(accepted.size).toBeGreaterThan(0);
});

test('an answer whose record was lost with the database is not sent again', async () => {
  let cutting: Promise<void> | undefined;
  let sends = 0;
  bot.platform.after = (operation) => {
    if (operation.type !== 'send') return;
    sends++;
    cutting ??= line.cut();
  };
  hear('ping 1');
  await until(() => cutting !== undefined);
  await cutting;
  await until(() => !bot.app.database.available);
  await line.mend();
  await bot.settle();
  expect(bot.texts()).toEqual(['pong 1']);
  // It was offered to the platform again, under the same key.
  expect(sends).toBeGreaterThanOrEqual(1);
  expect(await bot.say('ping 2')).toEqual(['pong 2']);
});

test('after an absence longer than its leases the bot speaks again', async () => {
  await bot.say('ping 0');
  await line.cut();
  await until(() => !bot.app.database.available);
  await until(() => bot.app.parts()['memory']?.detail === 'active on another replica');
  hear('ping 1');
  await line.mend();
  await bot.settle();
  expect(bot.texts()).toEqual(['pong 0', 'pong 1']);
  expect(bot.app.parts()['memory']?.ok).toBe(true);
});
