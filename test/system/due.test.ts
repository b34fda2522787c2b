import { defineSkill, z, type Fate } from '../../src/skill.ts';
import { RateLimited } from '../../src/connectors/connector.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const fates: Fate[] = [];
const later = defineSkill({
  name: 'later',
  commands: {
    // Five lines, the n-th due after n minutes and worth saying for half a minute.
    plan: {
      help: 'says things later',
      run: async ({ post, room, now }) => {
        for (let n = 1; n <= 5; n++)
          await post(room, `line:${n}`, `line ${n}`, {
            notBefore: new Date(now.getTime() + n * 60_000),
            until: new Date(now.getTime() + n * 60_000 + 30_000),
            notify: 'lost',
          });
      },
    },
    'change {n:int}': {
      help: 'changes a line',
      run: ({ post, room, args, now }) =>
        post(room, `line:${args['n']}`, `line ${args['n']}, changed`, { notBefore: new Date(now.getTime() + 60_000) }),
    },
    'take back {n:int}': {
      help: 'takes a line back',
      run: ({ remove, room, args }) => remove(room, `line:${args['n']}`),
    },
    hello: { help: 'answers', run: () => 'hello' },
    'state {n:int}': {
      help: 'tells the state of a line',
      run: async ({ shown, room, args }) => (await shown(room, `line:${args['n']}`))?.state ?? 'none',
    },
  },
  options: z.object({}),
  fate: (_, fate) => void fates.push(fate),
});

let bot: TestBot;
beforeEach(async () => {
  fates.length = 0;
  bot = await startTestBot({ skills: [later] });
});
afterEach(() => bot.stop());

const lines = (): string[] => bot.texts().filter((text) => text.startsWith('line'));

test('what is to be sent later is sent then, and what is said meanwhile does not wait for it', async () => {
  await bot.say('plan');
  expect(lines()).toEqual([]);
  expect(await bot.say('state 1')).toEqual(['waiting']);
  expect(await bot.say('hello')).toEqual(['hello']);
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1']);
  expect(await bot.say('state 1')).toEqual(['shown']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1', 'line 2']);
  expect(fates).toEqual([]);
});

test('what is not sent yet can be changed and taken back', async () => {
  await bot.say('plan');
  await bot.say('change 1');
  await bot.say('take back 2');
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1, changed']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1, changed']);
});

test('what is too late is dropped at once, and its skill hears of the last', async () => {
  await bot.say('plan');
  await bot.advance(4.1 * 60_000);
  expect(lines()).toEqual(['line 4']);
  expect(fates).toMatchObject([{ key: 'line:3', state: 'dropped', everyMs: null }]);
  expect(await bot.say('state 3')).toEqual(['dropped']);
});

test('where a platform takes messages more slowly the fate says how slowly', async () => {
  let refused = 0;
  bot.platform.before = (operation) => {
    if (!JSON.stringify(operation).includes('line')) return;
    refused++;
    throw new RateLimited(`room:${operation.room}`, 700);
  };
  await bot.say('plan');
  const due = bot.advance(61_000);
  while (refused === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // A refusal counts for 20 s.
  const before = refused;
  bot.pass(15_000);
  while (refused === before) await new Promise((resolve) => setTimeout(resolve, 5));
  await bot.advance(16_000);
  await due;
  expect(fates).toMatchObject([{ key: 'line:1', state: 'dropped', everyMs: 700 }]);
});

describe('a little before its time a line is frozen, so that nothing but its request is left to do', () => {
  let still: TestBot;
  beforeEach(async () => {
    still = await startTestBot({ skills: [later], still: true });
    await still.say('plan');
    still.pass(59_700);
    const frozen = `select 1 from messages where key = 'line:1' and attempt is not null`;
    while ((await still.query(frozen)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  afterEach(() => still.stop());

  const shown = (): string[] => still.texts().filter((text) => text.startsWith('line'));

  test('and it is sent at its time; what is said meanwhile does not wait for it', async () => {
    expect(await still.say('hello')).toEqual(['hello']);
    expect(shown()).toEqual([]);
    await still.advance(300);
    expect(shown()).toEqual(['line 1']);
  });

  test('and it can still be taken back, and changed', async () => {
    await still.say('take back 1');
    await still.advance(1000);
    expect(shown()).toEqual([]);
    await still.say('change 2');
    await still.advance(60_000);
    expect(shown()).toEqual(['line 2, changed']);
  });
});
