import { CommandError, defineQuery, defineSkill, listByKey, listInput, listOutput, z, type Actor } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';
import type { QueryOutcome } from './query-runner.ts';

const LETTERS = [...'abcdefg'];

const shelf = defineSkill({
  name: 'shelf',
  queries: {
    books: defineQuery({
      help: 'lists books',
      input: z.object({ ...listInput(), tall: z.boolean().optional(), most: z.number().optional() }),
      output: listOutput(z.object({ name: z.string() })),
      run: (_context, page) =>
        listByKey(
          LETTERS.map((name) => ({ name })),
          page,
          ({ name }) => name,
        ),
    }),
    rooms: defineQuery({
      help: 'lists the rooms of the actor',
      input: z.object({}),
      output: z.array(z.string()),
      run: ({ rooms, canIn }) =>
        rooms
          .all()
          .map(({ name }) => name)
          .filter(canIn),
    }),
    one: defineQuery({
      help: 'shows one book',
      input: z.object({ id: z.int() }),
      output: z.object({ id: z.int() }),
      run: (_context, { id }) => {
        if (id > 9) throw new CommandError(`there is no book ${id}`);
        return { id };
      },
    }),
    writes: defineQuery({
      help: 'writes',
      input: z.object({}),
      output: z.object({}),
      run: async ({ sql }) => {
        await sql(`insert into skill_state (skill, key, value) values ('shelf', 'k', '1')`);
        return {};
      },
    }),
    untrue: defineQuery({
      help: 'returns something else',
      input: z.object({}),
      output: z.object({ count: z.int() }),
      run: () => ({ count: 'many' as unknown as number, extra: true }),
    }),
    secret: defineQuery({
      help: 'is for admins',
      class: 'admin',
      input: z.object({}),
      output: z.object({ extra: z.undefined().optional() }),
      run: () => ({}),
    }),
  },
});

const ann: Actor = {
  ...{ kind: 'account', connector: 'memory', accountId: '@ann:test', name: 'Ann', person: 'ann' },
  ...{ groups: [], guest: false, bot: false },
};
const stranger: Actor = { ...ann, accountId: '@x:test', name: 'X', person: undefined };
const program: Actor = { ...stranger, kind: 'program', connector: 'cli', accountId: 'cli:root' };

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [shelf],
    config: {
      rooms: { lobby: { in: { memory: 'lobby' } }, den: { in: { memory: 'den' } } },
      access: [
        { deny: ['everyone'], commands: ['shelf rooms'], in: ['den'] },
        { deny: ['ann'], commands: ['shelf one'], reason: 'Ann has read them all' },
      ],
    },
  });
});
afterAll(() => bot.stop());

function ask(query: string, input: Record<string, string> = {}, actor = ann): Promise<QueryOutcome> {
  return bot.app.queries.ask({ actor, skill: 'shelf', query, input });
}

test('a list is returned in pages', async () => {
  const first = await ask('books', { limit: '4' });
  expect(first).toEqual({
    outcome: 'ok',
    answer: { items: [...'abcd'].map((name) => ({ name })), next: 'd' },
  });
  const rest = await ask('books', { limit: '4', cursor: 'd' });
  expect(rest).toEqual({ outcome: 'ok', answer: { items: [...'efg'].map((name) => ({ name })) } });
});

test.each([
  [{ limit: '0' }, /^limit: /],
  [{ limit: '201' }, /^limit: /],
  [{ limit: '1e1' }, /^limit: /],
  [{ limit: '' }, /^limit: /],
  [{ tall: 'yes' }, /^tall: /],
  [{ most: 'NaN' }, /^most: /],
  [{ colour: 'red' }, /colour/],
  [{ constructor: 'x' }, /constructor/],
] as [Record<string, string>, RegExp][])(
  'input that does not match the schema is rejected: %j',
  async (input, message) => {
    expect(await ask('books', input)).toEqual({ outcome: 'invalid', message: expect.stringMatching(message) });
  },
);

test('an unknown query is answered with the known ones', async () => {
  expect(await ask('boooks')).toEqual({ outcome: 'unknown', message: expect.stringContaining('books, rooms, one') });
  expect(await ask('toString')).toMatchObject({ outcome: 'unknown' });
  expect(await ask('one', { id: '10' }, program)).toEqual({ outcome: 'missing', message: 'there is no book 10' });
});

test('access rules apply to queries, by skill and name, and by room', async () => {
  expect(await ask('one', { id: '1' })).toEqual({ outcome: 'denied', message: 'Ann has read them all' });
  expect(await ask('rooms')).toEqual({ outcome: 'ok', answer: ['lobby'] });
  expect(await ask('books', {}, stranger)).toMatchObject({ outcome: 'denied' });
  expect(await ask('secret')).toMatchObject({ outcome: 'denied' });
  expect(await ask('secret', {}, program)).toEqual({ outcome: 'ok', answer: {} });
});

test('a query cannot write', async () => {
  await expect(ask('writes')).rejects.toThrow('the query shelf writes tried to write; queries are read-only');
  expect(await bot.query(`select 1 from skill_state where skill = 'shelf'`)).toEqual([]);
  expect(bot.app.database.available).toBe(true);
});

test('an answer that does not match its schema is an error in tests', async () => {
  await expect(ask('untrue')).rejects.toThrow('the answer of shelf untrue does not match its schema: count: ');
});
