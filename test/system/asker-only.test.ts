import { randomUUID } from 'node:crypto';
import { Rejected, type IncomingEvent } from '../../src/connectors/connector.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const probe = defineSkill({
  name: 'probe',
  options: z.object({}),
  commands: {
    secret: { help: 'answers in private', visibility: 'asker', run: () => 'for you alone' },
    plain: { help: 'answers all', run: ({ about }) => `about ${about ?? 'nothing'}` },
    'write {text...}': {
      help: 'writes to Bob',
      run: ({ post, args }) => post({ connector: 'memory', room: 'direct:@bob:test' }, 'letter', String(args['text'])),
    },
    'tell {text...}': {
      help: 'posts a new message to Bob',
      run: ({ say, args }) => say({ connector: 'memory', room: 'direct:@bob:test' }, String(args['text'])),
    },
  },
});

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [probe],
    config: { people: { ann: { accounts: { memory: '@ann:test' } }, bob: { accounts: { memory: '@bob:test' } } } },
  });
});
afterEach(() => bot.stop());

/** Simulates a slash command. */
function interact(words: string, more: Partial<IncomingEvent & { type: 'interaction' }> = {}): void {
  bot.platform.happen({
    ...{ type: 'interaction', id: randomUUID(), room: 'lobby', direct: false, words, at: bot.app.clock.now() },
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    ...more,
  });
}
const can = (more: Partial<TestBot['platform']['capabilities']>): void =>
  void (bot.platform.capabilities = { ...bot.platform.capabilities, ...more });
const inAnHour = (): Date => new Date(bot.app.clock.now().getTime() + 3_600_000);
const dropped = () => bot.query<{ reason: string }>(`select reason from messages where state = 'dropped'`);

test('a private reply uses the token of the interaction while it is valid', async () => {
  const until1 = inAnHour();
  interact('secret', { respond: { token: 'tok', until: until1 } });
  await bot.settle();
  expect(bot.messages()).toMatchObject([
    { message: { text: 'for you alone' }, to: { accountId: '@ann:test', respond: { token: 'tok', until: until1 } } },
  ]);
});

test('a slash command that does not exist is answered to whoever sent it', async () => {
  can({ asker: true });
  interact('sekret');
  await bot.settle();
  expect(bot.messages()).toMatchObject([
    { message: { text: 'I do not know that. Did you mean `secret`?' }, to: { accountId: '@ann:test' } },
  ]);
});

test('without a valid token it is visible to the account only, where the platform supports that', async () => {
  can({ asker: true });
  interact('secret', { respond: { token: 'tok', until: new Date(0) } });
  await bot.settle();
  expect(bot.messages()).toMatchObject([{ message: { text: 'for you alone' }, to: { accountId: '@ann:test' } }]);
  expect(bot.messages()[0]?.to).not.toHaveProperty('respond');
});

test('otherwise it goes to the conversation with the account, and never to the room', async () => {
  can({ asker: false });
  interact('secret');
  await bot.settle();
  expect(bot.texts()).toEqual([]);
  const [direct] = await bot.query<{ room: string }>(`select room from direct_rooms where account = '@ann:test'`);
  expect(bot.texts(direct?.room)).toEqual(['for you alone']);
});

test('where none of that is possible it is dropped', async () => {
  can({ asker: false, direct: false });
  interact('secret');
  await bot.settle();
  expect(bot.texts()).toEqual([]);
  expect(await dropped()).toEqual([{ reason: 'the platform has no private messages' }]);
});

test('a typed command is answered publicly', async () => {
  can({ asker: true });
  expect(await bot.say('secret')).toEqual(['for you alone']);
  expect(bot.messages()[0]?.to).toBeUndefined();
});

test('a private reply with an unknown outcome, or that is rejected, is not repeated or shown elsewhere', async () => {
  can({ asker: true });
  let asked = 0;
  bot.platform.after = () => {
    asked++;
    throw new Error('the answer is lost');
  };
  interact('secret');
  await bot.settle();
  bot.platform.after = () => {};
  bot.platform.before = () => {
    asked++;
    throw new Rejected('not today');
  };
  interact('secret');
  await bot.settle();
  expect(asked).toBe(2);
  expect((await dropped()).map(({ reason }) => reason).toSorted()).toEqual([
    'it may or may not have been shown, and cannot be repeated safely',
    'not today',
  ]);
});

test('a conversation with one person is opened once, for the first message, and replies in it are understood', async () => {
  let opened = 0;
  bot.platform.beforeOpen = () => {
    if (opened++ === 0) throw new Error('no answer');
  };
  await bot.say('write one');
  await bot.say('write two');
  await until(() => opened === 2);
  const [direct] = await bot.query<{ room: string }>(`select room from direct_rooms where account = '@bob:test'`);
  const room = direct?.room ?? '';
  expect(bot.texts(room)).toEqual(['two']);
  const [letter] = bot.messages(room);
  expect(await bot.say('plain', { room, direct: true, by: '@bob:test', replyTo: letter?.id ?? '' })).toEqual([
    'about letter',
  ]);
});

test('a person who may have left the conversation is invited again, and an invisible message does not count as shown', async () => {
  await bot.say('write one');
  const [direct] = await bot.query<{ room: string }>(`select room from direct_rooms where account = '@bob:test'`);
  let opened = 0;
  bot.platform.beforeOpen = () => void opened++;
  await bot.say('write two');
  expect(opened).toBe(0);
  await bot.advance(61_000);
  bot.platform.beforeOpen = () => {
    throw new Rejected('Bob has left, and lets nobody invite him');
  };
  await bot.say('tell three');
  expect(bot.texts(direct?.room)).toEqual(['two']);
  expect(await bot.query(`select reason from messages where state = 'dead'`)).toEqual([
    { reason: 'Bob has left, and lets nobody invite him' },
  ]);
});

test('when the conversation with a person becomes another one, a change of what the old one shows is a new message there', async () => {
  await bot.say('write one');
  const open = bot.platform.open.bind(bot.platform);
  bot.platform.open = (conversation) => open({ ...conversation, uuid: `${conversation.uuid}-again` });
  await bot.advance(61_000);
  await bot.say('tell hello');
  await bot.say('write two');
  await bot.settle();
  const [direct] = await bot.query<{ room: string }>(`select room from direct_rooms where account = '@bob:test'`);
  expect(direct?.room).toContain('again');
  expect(bot.texts(direct?.room)).toEqual(['hello', 'two']);
  expect(await bot.query(`select 1 from messages where state <> 'live'`)).toEqual([]);
});
