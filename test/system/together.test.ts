import { randomUUID } from 'node:crypto';
import type { NewEvent } from '../../src/dispatch/event.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

/** Names of those whose handler began, again each time it does. */
let begun: string[] = [];

const tally = defineSkill({
  name: 'tally',
  options: z.object({}),
  webhooks: {
    tally: {
      tokens: () => [],
      sources: () => [],
      run: async ({ state, say }, { body }) => {
        const { name } = body as { name: string };
        begun.push(name);
        await state.set(name, ((await state.get<number>(name)) ?? 0) + 1);
        await say('lobby', name);
        if (name.startsWith('bad')) throw new Error('this one is bad');
        if (name.startsWith('slow') && begun.filter((one) => one === name).length === 1)
          await new Promise((resolve) => setTimeout(resolve, 1200));
      },
    },
  },
});

let bot: TestBot;
beforeEach(async () => {
  begun = [];
  bot = await startTestBot({ skills: [tally] });
});
afterEach(() => bot.stop());

const event = (name: string, lane?: string): NewEvent => ({
  source: 'webhook',
  sourceId: randomUUID(),
  lane,
  kind: 'webhook',
  skill: 'tally',
  name: 'tally',
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

test('a lane keeps its order', async () => {
  const all = names(100, 'n');
  await bot.app.acceptor.accept([
    ...all.map((name) => event(name, 'one lane')),
    ...names(40, 'other').map((name) => event(name)),
  ]);
  await bot.settle();
  expect(bot.texts().filter((text) => text.startsWith('n'))).toEqual(all);
});
