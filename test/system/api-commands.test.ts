import { defineSkill, type Skill } from '../../src/skill.ts';
import { startTestBot, type TestBot, type TestBotOptions } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const CI = 'a-token-that-is-long-enough';
let held: Promise<void> | undefined;

const shop: Skill = defineSkill({
  name: 'shop',
  commands: {
    'buy {thing}': {
      help: 'buys something',
      class: 'act',
      run: async ({ args, state, room }) => {
        await held;
        const thing = String(args['thing']);
        const count = ((await state.get<number>(thing)) ?? 0) + 1;
        await state.set(thing, count);
        return {
          title: 'Sold',
          text: `**${thing}** ${count}, in ${room.name ?? 'no room'}`,
          fields: [{ label: 'Count', value: String(count) }],
          links: [{ label: 'shop', url: 'https://shop.example.org' }],
          actions: [{ label: 'Again', emoji: '✅', command: `buy ${thing}` }],
          mentions: [{ accountId: '@ann:test', name: 'Ann' }],
        };
      },
    },
    'buy all {n:int?}': {
      help: 'buys everything',
      run: (context) =>
        context.args['n'] === undefined
          ? context.confirm('All 7?', 'buy all 7')
          : context.cancelled('Nothing is left.'),
    },
    'sell {thing}': { help: 'sells', run: (context) => context.wrong('Nothing to sell.') },
    'weigh {n:int}': { help: 'weighs', run: (context) => context.invalid('Too heavy.') },
    lock: { help: 'is for admins', class: 'admin', run: () => 'locked' },
    shout: { help: 'speaks in the room', run: (context) => context.say(context.room, 'HEY') },
    break: {
      help: 'fails',
      run: () => {
        throw new Error('broken on purpose');
      },
    },
  },
});

const start = (more: Partial<TestBotOptions> = {}): Promise<TestBot> =>
  startTestBot({
    skills: [shop],
    secrets: { ci: CI, other: `${CI}-other` },
    config: {
      rooms: { lobby: { in: { memory: 'lobby' } } },
      api: {
        tokens: {
          ci: { token: { file: 'ci' }, commands: ['*'] },
          other: { token: { file: 'other' }, commands: ['sell'] },
        },
      },
    },
    ...more,
  });

let bot: TestBot;
beforeAll(async () => void (bot = await start()));
afterAll(() => bot.stop());

let keys = 0;
interface Said {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function say(body: unknown, key: string | undefined = `key-${++keys}`, token = CI, to = bot): Promise<Said> {
  const response = await fetch(`http://127.0.0.1:${to.app.port}/api/v1/commands`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(key !== '' && { 'idempotency-key': key }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('the response is the message for a room, without platform-specific parts', async () => {
  expect(await say({ say: 'buy tea', room: 'lobby' })).toEqual({
    status: 200,
    body: {
      outcome: 'ok',
      message: {
        title: 'Sold',
        text: 'tea 1, in lobby',
        markdown: '**tea** 1, in lobby',
        fields: [{ label: 'Count', value: '1' }],
        links: [{ label: 'shop', url: 'https://shop.example.org' }],
        actions: [{ label: 'Again', say: 'buy tea' }],
      },
    },
  });
  expect(bot.texts()).toEqual([]);
  expect(await say({ say: 'buy tea' })).toMatchObject({ body: { message: { text: 'tea 2, in no room' } } });
});

test.each([
  ['buy all', 200, 'confirm', 'All 7?'],
  ['buy all 7', 200, 'cancelled', 'Nothing is left.'],
  ['weigh 12', 400, 'invalid', 'Too heavy.'],
  ['weigh much', 400, 'invalid', expect.stringContaining('Usage: weigh N')],
  ['sel tea', 400, 'invalid', 'I do not know that. Did you mean sell THING?'],
  ['lock', 403, 'denied', expect.stringContaining('is for the group admins; ask one of them')],
  ['sell tea', 409, 'wrong', 'Nothing to sell.'],
  ['shout', 409, 'wrong', 'That posts in a room: set room to its name.'],
  [
    'break',
    500,
    'failed',
    expect.stringMatching(/^Something failed; nothing was changed\. Give an admin this error number: [0-9a-f]{8}$/),
  ],
])('%s returns %d, %s', async (words, status, outcome, text) => {
  expect(await say({ say: words })).toMatchObject({ status, body: { outcome, message: { text } } });
});

test('a confirmation request includes the confirming command', async () => {
  expect((await say({ say: 'buy all' })).body).toMatchObject({ outcome: 'confirm', say: 'buy all 7' });
});

test('the actor and the outcome are in the audit log', async () => {
  await say({ say: 'sell audit' }, undefined, `${CI}-other`);
  expect(await bot.query(`select account, person, command, text, result from audit where text = 'sell audit'`)).toEqual(
    [{ account: 'token:other', person: null, command: 'sell', text: 'sell audit', result: 'wrong' }],
  );
  expect((await say({ say: 'buy tea' }, undefined, `${CI}-other`)).body).toMatchObject({
    outcome: 'denied',
    message: { text: expect.stringContaining('api.tokens.other.commands') },
  });
});

test('a repeat runs nothing and gets the same answer, separately for each token', async () => {
  const first = await say({ say: 'buy milk' }, 'milk');
  expect(await say({ say: 'buy milk' }, 'milk')).toEqual(first);
  expect(await say({ room: 'lobby', say: 'buy milk' }, 'milk')).toMatchObject({ status: 422 });
  expect(await say({ say: 'sell milk' }, 'milk', `${CI}-other`)).toMatchObject({
    status: 409,
    body: { outcome: 'wrong' },
  });
  expect(await bot.query(`select value from skill_state where key = 'milk'`)).toEqual([{ value: '1' }]);
  const failed = await say({ say: 'break' }, 'broken');
  expect(await say({ say: 'break' }, 'broken')).toEqual(failed);
});

test('a repeat during the run is told so', async () => {
  let release = (): void => {};
  held = new Promise((resolve) => (release = resolve));
  const first = say({ say: 'buy salt' }, 'salt');
  await until(async () => (await bot.query(`select 1 from events where source_id = 'salt'`)).length > 0);
  expect(await say({ say: 'buy salt' }, 'salt')).toMatchObject({
    status: 409,
    body: { title: expect.stringContaining('still running') },
  });
  expect(await say({ say: 'buy pepper' }, 'salt')).toMatchObject({ status: 422 });
  release();
  held = undefined;
  expect(await first).toMatchObject({ status: 200 });
});

test('the same command at two replicas at once runs once', async () => {
  await using other = await start({ sharedWith: bot });
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, at) => say({ say: 'buy rice' }, 'rice', CI, at % 2 === 0 ? bot : other)),
  );
  const done = all.filter(({ status }) => status === 200);
  expect(done.length).toBeGreaterThan(0);
  expect(new Set(done.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(all.every(({ status }) => status === 200 || status === 409)).toBe(true);
  expect(await bot.query(`select value from skill_state where key = 'rice'`)).toEqual([{ value: '1' }]);
});

test.each([
  [{ say: 'buy tea' }, '', 'send an Idempotency-Key'],
  [{ say: 'buy tea' }, 'a key', 'send an Idempotency-Key'],
  [{ say: '' }, 'k1', 'send JSON such as'],
  [{ say: 'buy tea', where: 'lobby' }, 'k1', 'send JSON such as'],
  [['buy tea'], 'k1', 'send JSON such as'],
  ['{', 'k1', 'the request is malformed'],
  [{ say: 'buy tea', room: 'cellar' }, 'k1', 'There is no room "cellar"; rooms: lobby'],
])('%j with the key "%s" is rejected', async (body, key, title) => {
  expect(await say(body, key)).toMatchObject({ status: 400, body: { title: expect.stringContaining(title) } });
});
