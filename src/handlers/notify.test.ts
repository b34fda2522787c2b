import { until } from '../../test/harness/until.ts';
import { Rejected, type Operation } from '../connectors/connector.ts';
import { defineSkill, type DeliveryReport } from '../skill.ts';
import { startTestBot, textOf, type TestBot } from '../testing/index.ts';

const reports: DeliveryReport[] = [];
const pager = defineSkill({
  name: 'pager',
  commands: {
    'page {person} {key} {text...}': {
      help: 'pages somebody',
      run: ({ notify, args }) => notify(String(args['person']), String(args['text']), { key: String(args['key']) }),
    },
    'amend {person} {key} {text...}': {
      help: 'changes a page',
      run: ({ notify, args }) =>
        notify(String(args['person']), String(args['text']), { key: String(args['key']), ring: false }),
    },
  },
  deliveryReport: (_, deliveryReport) => void reports.push(deliveryReport),
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [pager],
    config: {
      connectors: { memory: {}, second: { type: 'memory' } },
      people: {
        ann: { name: 'Ann', accounts: { memory: '@ann:test', second: '@ann2:test' }, groups: ['admins'] },
        bob: { name: 'Bob', accounts: { memory: '@bob:test', second: '@bob2:test' }, contact: ['second', 'memory'] },
        cem: { name: 'Cem', accounts: {} },
      },
    },
  });
});
afterAll(() => bot.stop());
beforeEach(() => {
  reports.splice(0);
  bot.platform.before = () => {};
});

/** Texts in the direct conversation with an account. */
const shownTo = (account: string): string[] =>
  bot.platform.shown(roomOf(account)).map(({ message }) => textOf(message));
const roomOf = (account: string): string => `direct-${account}`;
const report = () => reports.map(({ key, state, person, account }) => [key, state, person, account]);

test('a person gets the message at the first account in the order of contact, and the skill learns which', async () => {
  await bot.say('page ann a wake up');
  await bot.say('page bob b and you');
  expect(shownTo('@ann:test')).toEqual(['wake up']);
  expect(shownTo('@bob2:test')).toEqual(['and you']);
  expect([...shownTo('@ann2:test'), ...shownTo('@bob:test')]).toEqual([]);
  expect(report()).toEqual([
    ['a', 'shown', 'ann', '@ann:test'],
    ['b', 'shown', 'bob', '@bob2:test'],
  ]);
  await bot.advance(61_000);
  expect(shownTo('@ann2:test')).toEqual([]);
});

test('a change without a ring is an edit at the same account', async () => {
  await bot.say('amend ann a stay up');
  expect(shownTo('@ann:test')).toEqual(['stay up']);
  await bot.advance(61_000);
  expect(shownTo('@ann2:test')).toEqual([]);
});

const refuse = (...accounts: string[]) =>
  void (bot.platform.before = ({ room }: Operation) => {
    if (accounts.some((account) => room === roomOf(account))) throw new Rejected('blocked the bot');
  });

test('an account that rejects the message is skipped at once', async () => {
  refuse('@ann:test');
  await bot.say('page ann c wake up');
  expect(shownTo('@ann2:test')).toEqual(['wake up']);
  expect(report()).toEqual([['c', 'shown', 'ann', '@ann2:test']]);
});

test('when no account is left, the skill is told once', async () => {
  refuse('@ann:test', '@ann2:test');
  await bot.say('page ann d wake up');
  expect(report()).toEqual([['d', 'dead', 'ann', '@ann2:test']]);
  await bot.say('page cem d wake up');
  expect(report().at(-1)).toEqual(['d', 'dead', 'cem', undefined]);
});

test('an account that shows nothing for a minute is skipped once, and may still show it later', async () => {
  let away = true;
  bot.platform.before = ({ room }: Operation) => {
    if (away && room === roomOf('@bob2:test')) throw new Error('the network is away');
  };
  bot.platform.happen({
    ...{ type: 'message', id: 'page', room: 'lobby', direct: false, text: '!page bob e wake up', mentionsBot: false },
    ...{ sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false }, at: bot.app.clock.now() },
  });
  const waiting = () => bot.query(`select 1 from timers where skill = 'core'`);
  while ((await waiting()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(shownTo('@bob:test')).toEqual([]);
  void bot.advance(60_000).catch(() => {});
  while (shownTo('@bob:test').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  away = false;
  await bot.advance(60_000);
  expect(shownTo('@bob:test')).toEqual(['wake up']);
  expect(shownTo('@bob2:test').at(-1)).toBe('wake up');
  expect(new Set(report().map((deliveryReport) => deliveryReport.join()))).toEqual(
    new Set(['e,shown,bob,@bob:test', 'e,shown,bob,@bob2:test']),
  );
  expect(await waiting()).toEqual([]);
});

test('somebody who was reached while the bot could not handle events is not paged again, in whatever order it catches up', async () => {
  let away = true;
  bot.platform.before = ({ room }: Operation) => {
    if (away && room === roomOf('@ann:test')) throw new Error('the network is away');
  };
  bot.begin('page ann g wake up');
  await until(async () => (await bot.query(`select 1 from timers where skill = 'core'`)).length > 0);
  await bot.app.dispatcher.stop();
  away = false;
  bot.pass(61_000);
  const events = (kind: string, state: string) =>
    bot.query<{ id: number }>(`select id from events where kind = $1 and state = $2`, [kind, state]);
  await until(async () => (await events('fate', 'new')).length + (await events('timer', 'new')).length === 2);
  await bot.query(`update events set not_before = 'infinity' where kind = 'fate' and state = 'new'`);
  bot.app.dispatcher.start();
  await until(async () => (await events('timer', 'new')).length === 0);
  await bot.query(`update events set not_before = null where kind = 'fate' and state = 'new'`);
  await bot.settle();
  expect(shownTo('@ann:test').at(-1)).toBe('wake up');
  expect(report()).toEqual([['g', 'shown', 'ann', '@ann:test']]);
});

test('after a failure the same message is sent again, even without a ring', async () => {
  bot.platform.before = () => {
    throw new Rejected('gone');
  };
  await bot.say('page ann again wake up');
  expect(report().at(-1)).toEqual(['again', 'dead', 'ann', '@ann2:test']);
  bot.platform.before = () => {};
  await bot.say('amend ann again wake up');
  expect(report().at(-1)).toEqual(['again', 'shown', 'ann', '@ann:test']);
});

test('notifying a person who is not listed fails', async () => {
  expect(await bot.say('page dora f hello')).toEqual([expect.stringContaining('something failed')]);
});
