import { defineSkill, z, type DeliveryReport } from '../../src/skill.ts';
import { RateLimited } from '../../src/connectors/connector.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const reports: DeliveryReport[] = [];
const later = defineSkill({
  name: 'later',
  commands: {
    // Five lines, the n-th due after n minutes and expiring half a minute later.
    plan: {
      help: 'schedules lines',
      run: async ({ post, room, now }) => {
        for (let n = 1; n <= 5; n++)
          await post(room, `line:${n}`, `line ${n}`, {
            notBefore: new Date(now.getTime() + n * 60_000),
            until: new Date(now.getTime() + n * 60_000 + 30_000),
            report: 'lost',
          });
      },
    },
    'change {n:int}': {
      help: 'changes a line',
      run: ({ post, room, args, now }) =>
        post(room, `line:${args['n']}`, `line ${args['n']}, changed`, { notBefore: new Date(now.getTime() + 60_000) }),
    },
    'now {n:int}': {
      help: 'says a line now',
      run: ({ post, room, args }) => post(room, `line:${args['n']}`, `line ${args['n']}`),
    },
    'many {n:int}': {
      help: 'says many lines at one time',
      run: async ({ post, room, args, now }) => {
        for (let n = 1; n <= Number(args['n']); n++)
          await post(room, `many:${n}`, `line ${n}`, { notBefore: new Date(now.getTime() + 1700) });
      },
    },
    'take back {n:int}': {
      help: 'removes a line',
      run: ({ remove, room, args }) => remove(room, `line:${args['n']}`),
    },
    hello: { help: 'answers', run: () => 'hello' },
    'state {n:int}': {
      help: 'shows the state of a line',
      run: async ({ shown, room, args }) => (await shown(room, `line:${args['n']}`))?.state ?? 'none',
    },
  },
  options: z.object({}),
  deliveryReport: (_, deliveryReport) => void reports.push(deliveryReport),
});

let bot: TestBot;
beforeEach(async () => {
  reports.length = 0;
  bot = await startTestBot({ skills: [later] });
});
afterEach(() => bot.stop());

const lines = (): string[] => bot.texts().filter((text) => text.startsWith('line'));

test('a scheduled message is sent at its time, and later messages do not wait for it', async () => {
  await bot.say('plan');
  expect(lines()).toEqual([]);
  expect(await bot.say('state 1')).toEqual(['waiting']);
  expect(await bot.say('hello')).toEqual(['hello']);
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1']);
  expect(await bot.say('state 1')).toEqual(['shown']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1', 'line 2']);
  expect(reports).toEqual([]);
});

test('a scheduled message can be changed and removed', async () => {
  await bot.say('plan');
  await bot.say('change 1');
  await bot.say('take back 2');
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1, changed']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1, changed']);
});

test('expired messages are dropped together, and the skill gets a report of the last', async () => {
  await bot.say('plan');
  await bot.advance(4.1 * 60_000);
  expect(lines()).toEqual(['line 4']);
  expect(reports).toMatchObject([{ key: 'line:3', state: 'dropped', everyMs: null }]);
  expect(await bot.say('state 3')).toEqual(['dropped']);
});

test('in a rate-limited room the report has the interval between messages', async () => {
  let refused = 0;
  bot.platform.before = (operation) => {
    if (!JSON.stringify(operation).includes('line')) return;
    refused++;
    throw new RateLimited(`room:${operation.room}`, 700);
  };
  await bot.say('plan');
  const due = bot.advance(61_000);
  while (refused === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // A room counts as throttled for 20 s.
  const before = refused;
  bot.pass(15_000);
  while (refused === before) await new Promise((resolve) => setTimeout(resolve, 5));
  await bot.advance(16_000);
  await due;
  expect(reports).toMatchObject([{ key: 'line:1', state: 'dropped', everyMs: 700 }]);
});

test('a message that may have been sent and is rescheduled delays nothing', async () => {
  let isLost = true;
  bot.platform.before = (operation) => {
    if (isLost && JSON.stringify(operation).includes('line 1')) throw new Error('nobody knows');
  };
  bot.begin('now 1');
  await until(async () => (await bot.query('select 1 from messages where attempt is not null')).length > 0);
  bot.begin('change 1');
  await until(async () => (await bot.query('select 1 from messages where not_before is not null')).length > 0);
  isLost = false;
  expect(await bot.say('hello')).toEqual(['line 1', 'hello']);
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1, changed']);
});

describe('a line that is frozen shortly before its time', () => {
  let still: TestBot;
  beforeEach(async () => {
    still = await startTestBot({ skills: [later], still: true });
    await still.say('plan');
    still.pass(59_700);
    const frozen = `select 1 from messages where key = 'line:1' and attempt is not null`;
    await until(async () => (await still.query(frozen)).length > 0);
  });
  afterEach(() => still.stop());

  const shown = (): string[] => still.texts().filter((text) => text.startsWith('line'));

  test('it is sent at its time, and later messages do not wait for it', async () => {
    expect(await still.say('hello')).toEqual(['hello']);
    expect(shown()).toEqual([]);
    await still.advance(300);
    expect(shown()).toEqual(['line 1']);
  });

  test('however many are due, none waits for a later look', async () => {
    await still.say('many 40');
    await still.advance(1300);
    still.pass(400);
    await until(() => shown().length === 41);
  });

  test('a message that changes while another is being sent is not sent in its old version', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const perform = still.platform.perform.bind(still.platform);
    still.platform.perform = async (operation) => {
      if (JSON.stringify(operation).includes('hello')) await promise;
      return perform(operation);
    };
    still.begin('hello');
    const underWay = (): Promise<unknown[]> =>
      still.query(
        `select 1 from messages where key = 'line:1' and attempt is not null and exists (select 1 from messages where content like '%hello%' and attempt is not null)`,
      );
    await until(async () => (await underWay()).length > 0);
    still.begin('change 1');
    await until(
      async () => (await still.query(`select 1 from messages where key = 'line:1' and version = 2`)).length > 0,
    );
    resolve();
    await still.advance(1000);
    expect(shown()).toEqual([]);
  });

  test('it can still be removed and changed', async () => {
    await still.say('take back 1');
    await still.advance(1000);
    expect(shown()).toEqual([]);
    await still.say('change 2');
    await still.advance(60_000);
    expect(shown()).toEqual(['line 2, changed']);
  });
});
