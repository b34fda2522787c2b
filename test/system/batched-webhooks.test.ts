import { randomUUID } from 'node:crypto';
import type { NewEvent } from '../../src/events/event.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

/** The number of calls each time the handler started. */
let sizes: number[] = [];
/** Names of the calls, each time their handler started. */
let started: string[] = [];

const tally = defineSkill({
  name: 'tally',
  options: z.object({}),
  webhooks: {
    tally: {
      // Nothing is posted over HTTP here: events are accepted directly.
      verify: () => undefined,
      sources: () => [],
      run: async (calls) => {
        sizes.push(calls.length);
        for (const { context, request } of calls) {
          const { name } = request.body as { name: string };
          started.push(name);
          if (name.startsWith('board')) {
            const before = await context.shown('lobby', 'board');
            await context.post('lobby', 'board', name, { ring: true });
            await context.say('lobby', `${name} ${before?.state ?? 'nothing'}`);
            await (name === 'board3'
              ? context.cancel('later')
              : context.at('later', new Date('2100-01-01'), 'later', {}));
            continue;
          }
          await context.state.set(name, ((await context.state.get<number>(name)) ?? 0) + 1);
          await context.say('lobby', name);
          if (name.startsWith('bad')) throw new Error('this one is bad');
          if (name.startsWith('slow') && started.filter((one) => one === name).length === 1)
            await new Promise((resolve) => setTimeout(resolve, 600));
        }
      },
    },
  },
  timers: { later: { payload: z.object({}), run: () => {} } },
});

let bot: TestBot;
beforeEach(async () => {
  [started, sizes] = [[], []];
  bot = await startTestBot({ skills: [tally] });
});
afterEach(() => bot.stop());

const event = (name: string, lane?: string): NewEvent => ({
  ...{ source: 'webhook', sourceId: randomUUID(), lane, kind: 'webhook', skill: 'tally', name: 'tally' },
  payload: JSON.stringify({ source: 'x', body: { name } }),
  happenedAt: new Date(),
});

const names = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

test('waiting calls of one webhook are handled together, each once, and never two of a lane', async () => {
  const all = names(200, 'a');
  await bot.app.acceptor.accept(
    all.map((name, index) => event(name, index % 2 === 0 ? `lane ${Math.floor(index / 8)}` : undefined)),
  );
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(all.toSorted());
  expect(Math.max(...sizes)).toBeGreaterThan(8);
  expect(await bot.query("select 1 from skill_state where value <> '1'")).toEqual([]);
  for (let lane = 0; lane < 25; lane++) {
    const its = all.slice(lane * 8, lane * 8 + 8).filter((_, index) => index % 2 === 0);
    expect(bot.texts().filter((name) => its.includes(name))).toEqual(its);
  }
});

test('a failing call does not affect the others', async () => {
  const all = [...names(60, 'a'), 'bad', ...names(60, 'b')];
  await bot.app.acceptor.accept(all.map((name) => event(name)));
  await bot.settle();
  expect(
    bot
      .texts()
      .filter((text) => /^[ab]\d/.test(text))
      .toSorted(),
  ).toEqual(all.filter((name) => name !== 'bad').toSorted());
  expect(await bot.query(`select 1 from events where state = 'failed'`)).toHaveLength(1);
  expect(await bot.query(`select 1 from skill_state where key = 'bad' or value <> '1'`)).toEqual([]);
});

test('a slow call does not delay the others', async () => {
  const all = [...names(30, 'a'), 'slow', ...names(30, 'b')];
  const events = all.map((name) => event(name));
  await bot.app.acceptor.accept(events);
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(all.toSorted());
  // No other call shared its transaction.
  const [shared] = await bot.query<{ count: number }>(
    'select count(*)::int as count from events where xmin = (select xmin from events where source_id = $1)',
    [events[30]?.sourceId],
  );
  expect(shared).toEqual({ count: 1 });
});

test('large bodies are handled alone', async () => {
  const large = ['large0', 'large1', 'large2'].map((name) => ({
    ...event(name),
    payload: JSON.stringify({ source: 'x', body: { name, rest: 'x'.repeat(70_000) } }),
  }));
  await bot.app.acceptor.accept([event('a'), ...large, event('b')]);
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(['a', 'b', 'large0', 'large1', 'large2']);
  expect(await bot.query(`select 1 from events where name = 'tally' group by xmin::text having count(*) > 1`)).toEqual(
    [],
  );
});

test('the sweep finds calls behind thousands that must wait', async () => {
  await bot.query(
    `insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)
     select 'webhook', n::text, 'waits ' || n, 'webhook', 'of another version', 'x', '{}', now() from generate_series(1, 5000) n`,
  );
  const { source, sourceId, kind, skill, name, payload, lane } = event('behind', 'free');
  await bot.query(
    `insert into events (source, source_id, lane, kind, skill, name, payload, happened_at) values ($1, $2, $3, $4, $5, $6, $7, now())`,
    [source, sourceId, lane, kind, skill, name, payload],
  );
  await until(() => bot.texts().includes('behind'));
  await bot.query(`delete from events where state = 'new'`);
});

test('a lane keeps its order', async () => {
  const all = names(100, 'n');
  await bot.app.acceptor.accept([
    ...all.map((name) => event(name, 'one lane')),
    ...names(40, 'other').map((name) => event(name)),
  ]);
  await bot.settle();
  expect(bot.texts().filter((text) => text.startsWith('n'))).toEqual(all);
});

test.each(['one lane', undefined])('a call sees the messages of earlier ones: lane %s', async (lane) => {
  // On a busy machine half a second is not enough for all, and without a lane they would be handled side by side.
  await bot.stop();
  bot = await startTestBot({ skills: [tally], callsTimeoutMs: 20_000 });
  const boards = names(6, 'board');
  await bot.app.acceptor.accept([
    ...boards.map((name) => event(name, lane)),
    ...names(40, 'other').map((name) => event(name)),
  ]);
  await bot.settle();
  expect(started.filter((name) => name.startsWith('board')).slice(0, 6)).toEqual(boards);
  expect(await bot.query(`select content::json->>'text' as text from messages where key = 'board'`)).toEqual([
    { text: 'board5' },
  ]);
  expect(bot.texts().filter((text) => text.startsWith('board0 '))).toEqual(['board0 nothing']);
  expect(bot.texts().filter((text) => text.endsWith(' nothing'))).toHaveLength(1);
  expect(await bot.query(`select 1 from timers where key = 'later'`)).toHaveLength(1);
});
