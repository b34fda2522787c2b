import { randomUUID } from 'node:crypto';
import type { NewEvent } from '../../src/dispatch/event.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

/** Names of those whose handler began, again each time it does. */
let begun: string[] = [];

/** Nothing is posted over HTTP here: events are accepted directly. */
const CLOSED = { tokens: () => [], sources: () => [] };

const tally = defineSkill({
  name: 'tally',
  options: z.object({}),
  webhooks: {
    tally: {
      ...CLOSED,
      run: async ({ state, say, post, shown, at, cancel }, { body }) => {
        const { name } = body as { name: string };
        begun.push(name);
        if (name.startsWith('ring')) {
          await post('lobby', 'bell', name, { ring: true });
          return;
        }
        if (name.startsWith('board')) {
          const before = await shown('lobby', 'board');
          await post('lobby', 'board', name, { ring: true });
          await say('lobby', `${name} ${before?.state ?? 'nothing'}`);
          await (name === 'board3' ? cancel('later') : at('later', new Date('2100-01-01'), 'later', {}));
          return;
        }
        await state.set(name, ((await state.get<number>(name)) ?? 0) + 1);
        await say('lobby', name);
        if (name.startsWith('bad')) throw new Error('this one is bad');
        if (name.startsWith('slow') && begun.filter((one) => one === name).length === 1)
          await new Promise((resolve) => setTimeout(resolve, 1200));
      },
    },
  },
  timers: { later: { payload: z.object({}), run: () => {} } },
});

const together = defineSkill({
  name: 'together',
  options: z.object({}),
  webhooks: {
    together: {
      ...CLOSED,
      run: async ({ say }, { body }) => say('lobby', `${(body as { name: string }).name} alone`),
      runMany: async (calls) => {
        for (const { context, request } of calls) {
          const { name } = request.body as { name: string };
          if (name.startsWith('bad')) throw new Error('not together with this one');
          if (name.startsWith('ring')) await context.post('lobby', 'bell', name, { ring: true });
          else await context.say('lobby', `${name} of ${calls.length > 1 ? 'many' : 'one'}`);
        }
      },
    },
  },
});

let bot: TestBot;
beforeEach(async () => {
  begun = [];
  bot = await startTestBot({ skills: [tally, together] });
});
afterEach(() => bot.stop());

const event = (name: string, lane?: string, skill = 'tally'): NewEvent => ({
  source: 'webhook',
  sourceId: randomUUID(),
  lane,
  kind: 'webhook',
  skill,
  name: skill,
  payload: JSON.stringify({ source: 'x', body: { name } }),
  happenedAt: new Date(),
});

const names = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const transactions = async (): Promise<number> => {
  const rows = await bot.query<{ count: number }>(
    `select count(distinct xmin::text)::int as count from events where state = 'done'`,
  );
  return rows[0]?.count ?? 0;
};

test('many that wait share transactions, and each is handled once', async () => {
  const all = names(200, 'a');
  await bot.app.acceptor.accept(
    all.map((name, index) => event(name, index % 2 === 0 ? `lane ${index % 20}` : undefined)),
  );
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(all.toSorted());
  expect(begun.toSorted()).toEqual(all.toSorted());
  // On a busy machine a batch may be redone one by one.
  expect(await transactions()).toBeLessThan(all.length);
  expect(await bot.query("select 1 from skill_state where value <> '1'")).toEqual([]);
});

test('one that fails does so alone', async () => {
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

test('one that takes long does not keep the others waiting for as long', async () => {
  const all = [...names(30, 'a'), 'slow', ...names(30, 'b')];
  const events = all.map((name) => event(name));
  await bot.app.acceptor.accept(events);
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(all.toSorted());
  // Nobody shared its transaction.
  const [shared] = await bot.query<{ count: number }>(
    'select count(*)::int as count from events where xmin = (select xmin from events where source_id = $1)',
    [events[30]?.sourceId],
  );
  expect(shared).toEqual({ count: 1 });
});

test('what waits behind thousands that must wait is found by the sweep', async () => {
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

test('what one says of a message is there for the next that speaks of it', async () => {
  const boards = names(6, 'board');
  await bot.app.acceptor.accept([
    ...boards.map((name) => event(name, 'one lane')),
    ...names(40, 'other').map((name) => event(name)),
  ]);
  await bot.settle();
  expect(begun.filter((name) => name.startsWith('board'))).toEqual(boards);
  const [row] = await bot.query<{ ring: number; text: string; event: string }>(
    `select ring_version as ring, content::json->>'text' as text from messages where key = 'board'`,
  );
  expect(row).toEqual({ ring: 6, text: 'board5' });
  expect(bot.texts().filter((text) => text.startsWith('board0 '))).toEqual(['board0 nothing']);
  expect(bot.texts().filter((text) => text.endsWith(' nothing'))).toHaveLength(1);
  expect(await bot.query(`select 1 from timers where key = 'later'`)).toHaveLength(1);
});

test.each(['tally', 'together'])(
  'each ring of a message counts, though several are written together: %s',
  async (skill) => {
    const all = [...names(9, 'ring'), ...names(9, 'other')];
    await bot.app.acceptor.accept(all.map((name) => event(name, undefined, skill)));
    await bot.settle();
    expect(await bot.query(`select ring_version from messages where key = 'bell'`)).toEqual([{ ring_version: 9 }]);
  },
);

test('several of a webhook that takes them are given to it at once, no two of a lane', async () => {
  const all = names(40, 'm');
  await bot.app.acceptor.accept(all.map((name, index) => event(name, `lane ${Math.floor(index / 4)}`, 'together')));
  await bot.settle();
  const said = bot.texts().map((text) => text.split(' ')[0] ?? '');
  expect(said.toSorted()).toEqual(all.toSorted());
  // Of one lane after another, most would go alone.
  expect(bot.texts().filter((text) => text.endsWith('of many')).length).toBeGreaterThan(20);
  for (let lane = 0; lane < 10; lane++) {
    const its = all.slice(lane * 4, lane * 4 + 4);
    expect(said.filter((name) => its.includes(name))).toEqual(its);
  }
});

test('where several cannot be taken at once, each is taken alone', async () => {
  const all = [...names(20, 'm'), 'bad', ...names(20, 'n')];
  await bot.app.acceptor.accept(all.map((name) => event(name, undefined, 'together')));
  await bot.settle();
  expect(
    bot
      .texts()
      .map((text) => text.split(' ')[0] ?? '')
      .toSorted(),
  ).toEqual(all.toSorted());
  expect(bot.texts()).toContain('bad alone');
});
