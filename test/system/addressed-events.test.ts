import { randomUUID } from 'node:crypto';
import type { IncomingEvent } from '../../src/connectors/connector.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const tea = defineSkill({
  name: 'tea',
  options: z.object({}),
  commands: {
    'tea warm': { help: 'warms it', run: () => 'the tea is hot' },
    warm: { help: 'is another command', run: () => 'everything is warm' },
    'brew {room} {key}': {
      help: 'shows a message',
      run: ({ post, args }) => post(String(args.room), args.key, `brewing ${args.key}`),
    },
    'spill {note...?}': { help: 'must not run by mistake', class: 'act', run: () => 'spilled' },
    'pour {cups:int}': { help: 'pours', run: ({ args }) => `${args.cups} poured` },
    'say under {key} {text...}': {
      help: 'posts in the thread of a message',
      run: ({ say, room, args }) => say(room, String(args.text), { inThreadOf: String(args.key) }),
    },
    'drink [{note...}]': {
      help: 'refers to the message it replies to',
      run: ({ about, args }) => `${about ?? 'nothing'} drunk${args.note === undefined ? '' : `: ${args.note}`}`,
    },
  },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [tea],
    config: {
      rooms: { lobby: { in: { memory: 'lobby' } }, kitchen: { in: { memory: 'kitchen' } } },
    },
  });
  await bot.say('brew lobby green');
  await bot.say('brew kitchen black');
});
afterAll(() => bot.stop());

type Said = Partial<Extract<IncomingEvent, { type: 'message' }>>;

/** The bot's answers to a line that does not address it. */
async function answers(text: string, more: Said = {}): Promise<string[]> {
  const before = bot.texts().length;
  bot.platform.happen({
    type: 'message',
    id: randomUUID(),
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
    text,
    mentionsBot: false,
    ...more,
  });
  await bot.settle();
  return bot.texts().slice(before);
}

function shown(text: string, room = 'lobby'): string {
  return bot.messages(room).find(({ message }) => message.text === text)?.id ?? 'none';
}

describe("below the bot's own message", () => {
  test.each([
    ['a reply', () => ({ replyTo: shown('brewing green') })],
    ['a line in its thread', () => ({ thread: shown('brewing green') })],
    ['a reply to somebody in its thread', () => ({ thread: shown('brewing green'), replyTo: 'what-bob-said' })],
  ])('%s needs no mention when it is a command', async (_, place) => {
    expect(await answers('drink', place())).toEqual(['green drunk']);
    expect(await answers('Drink while it is hot.\nthanks', place())).toEqual(['green drunk: while it is hot']);
  });

  test.each(['looks good', 'drinks for all?', 'brew', ''])('"%s" stays unanswered', async (text) => {
    expect(await answers(text, { replyTo: shown('brewing green') })).toEqual([]);
    expect(await answers(text, { thread: shown('brewing green') })).toEqual([]);
  });

  test('a mistyped number is answered', async () => {
    const place = { replyTo: shown('brewing green') };
    expect(await answers('pour 99999999999', place)).toEqual([expect.stringContaining('is too large')]);
    expect(await answers('pour', place)).toEqual([]);
    expect(await answers('pour us some', place)).toEqual([]);
  });

  test('a command of class act is not run for a sentence that starts like it', async () => {
    const place = { replyTo: shown('brewing green') };
    const asked = expect.stringContaining('send it with my name: `watchbell: spill the beans, Bob`');
    expect(await answers('spill the beans, Bob', place)).toEqual([asked]);
    expect(await answers('watchbell: spill the beans, Bob', place)).toEqual(['spilled']);
    expect(await answers('spill', place)).toEqual(['spilled']);
  });

  test('a reply in the thread of a message refers to that message', async () => {
    await bot.say('say under green is it warm?');
    expect(await answers('drink', { replyTo: shown('is it warm?') })).toEqual(['green drunk']);
    const thread = shown('brewing green');
    expect(await answers('drink', { thread, replyTo: shown('is it warm?') })).toEqual(['green drunk']);
  });

  test("a command in the thread of somebody else's message, or of another room's, is ignored", async () => {
    expect(await answers('drink')).toEqual([]);
    expect(await answers('drink', { replyTo: 'what-bob-said' })).toEqual([]);
    expect(await answers('drink', { replyTo: shown('brewing black', 'kitchen') })).toEqual([]);
    expect(await answers('!drink', { replyTo: shown('brewing black', 'kitchen') })).toEqual(['nothing drunk']);
  });

  test('edits and bots cannot run commands there either', async () => {
    const place = { replyTo: shown('brewing green') };
    expect(await answers('drink', { ...place, edits: 'an-earlier-line' })).toEqual([]);
    const sender = { accountId: '@other:test', name: 'Other', bot: true, guest: false };
    expect(await answers('drink', { ...place, sender })).toEqual([]);
  });
});

describe('of an account that is called like a skill', () => {
  const names = ['Tea'];

  test.each([
    ['tea warm', 'the tea is hot'],
    ['Tea, warm', 'the tea is hot'],
    ['tea: warm', 'everything is warm'],
    ['@tea warm', 'everything is warm'],
    ['tea drink', 'nothing drunk'],
  ])('"%s" is read as: %s', async (text, answer) => {
    expect(await answers(text, { names })).toEqual([answer]);
    expect(await answers(text, { names, direct: true })).toEqual([answer]);
    expect(await answers(text, { names, mentionsBot: true })).toEqual([answer]);
  });

  test.each(['tea is ready', 'Tea', 'tea, anyone?', 'watchbell rings'])(
    '"%s" is answered only where it is said to the bot',
    async (text) => {
      expect(await answers(text, { names })).toEqual([]);
      expect(await answers(text, { names, direct: true })).toEqual([expect.stringMatching(/^(I do not know|Yes\?)/)]);
      expect(await answers(text, { names, mentionsBot: true })).toHaveLength(1);
    },
  );

  test('with @ or a colon it is a question', async () => {
    for (const text of ['@tea is ready', 'tea: is ready'])
      expect(await answers(text, { names })).toEqual([expect.stringContaining('I do not know that')]);
  });
});
