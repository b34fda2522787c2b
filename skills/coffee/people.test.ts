import { defineSkill } from '#skill';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { join } from 'node:path';
import coffee from './index.ts';
import { conversationOf, DAY_MS, FOUR, startCoffeeBot, together } from './test-bot.ts';

const named = (groups: Readonly<Record<string, readonly string[]>> = {}) => ({
  people: Object.fromEntries(
    ['ann', 'bob', 'cem', 'dia'].map((name) => [
      name,
      { accounts: { memory: `@${name}:test` }, groups: groups[name] ?? [] },
    ]),
  ),
});

describe('pairing', () => {
  test('people who are kept apart, by key or account, never meet', async () => {
    const apart = [
      ['ann', '@bob:test'],
      ['ann', 'cem'],
    ];
    await using bot = await startCoffeeBot({ round: { apart }, config: named() });
    await bot.say('coffee pair');
    expect(together(bot)).toEqual(['ann+dia', 'bob+cem']);
  });

  test('groups that should mix do, even if they would not by chance', async () => {
    await using bot = await startCoffeeBot({ config: named() });
    await bot.say('coffee pair');
    const pairs = together(bot);
    const teams = Object.fromEntries(pairs.flatMap((pair, at) => pair.split('+').map((name) => [name, [`team${at}`]])));
    await using mixed = await startCoffeeBot({ round: { across: ['team0', 'team1'] }, config: named(teams) });
    await mixed.say('coffee pair');
    expect(together(mixed).filter((pair) => pairs.includes(pair))).toEqual([]);
  });

  test('missing a round keeps the seat and counts as a rest; leaving gives up the seat', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    await bot.say('coffee pause', { by: '@bob:test' });
    bot.platform.fill('lobby', ['@ann:test', '@bob:test', '@cem:test', '@eve:test', '@fay:test']);
    await bot.advance(7 * DAY_MS);
    await bot.say('coffee pair');
    const seats = await bot.query<{ person: string; seat: number; rests: number }>(
      'select person, seat, rests from coffee_seats order by person',
    );
    expect(seats.map(({ person }) => person.replace(/^memory @|:test$/g, ''))).toEqual([
      'ann',
      'bob',
      'cem',
      'eve',
      'fay',
    ]);
    expect(new Set(seats.map(({ seat }) => seat)).size).toBe(5);
    expect(seats.find(({ person }) => person === 'memory @bob:test')?.rests).toBe(1);
  });

  test('if nobody can be paired, the reason is reported', async () => {
    await using few = await startCoffeeBot({ members: FOUR.slice(0, 2), round: { size: 3, odd: 'rest' } });
    await few.say('coffee pair');
    expect(few.texts().at(-1)).toBe('☕ Coffee round 1: no groups, because 2 people take part and a group needs 3.');
    await using apart = await startCoffeeBot({ members: FOUR.slice(0, 2), round: { apart: [FOUR.slice(0, 2)] } });
    await apart.say('coffee pair');
    expect(apart.texts().at(-1)).toBe(
      '☕ Coffee round 1: no groups, because none of the 2 people can be paired with another.',
    );
  });

  test('people who rest because nobody is left for them are not promised a turn', async () => {
    const apart = [FOUR.slice(0, 3)];
    await using bot = await startCoffeeBot({ round: { apart } });
    await bot.say('coffee pair');
    expect(bot.texts().at(-1)).toMatch(/\n\w+ and \w+ sit this one out: nobody they can be paired with is left\.$/);
  });
});

test('markup in a name is escaped', async () => {
  await using bot = await startCoffeeBot();
  const one = { bot: false, guest: false };
  bot.platform.fill('lobby', ['@ann:test', { ...one, accountId: '@bob:test', name: '**all** <b>' }]);
  await bot.say('coffee pair');
  expect(bot.texts(conversationOf(bot, '@bob:test'))[0]).toContain('\\*\\*all\\*\\* \\<b\\>');
});

test('a conversation that is opened twice is announced once, and followed up on time', async () => {
  await using bot = await startCoffeeBot({ round: { followUp: '1d' } });
  await bot.say('coffee pair');
  await bot.advance(DAY_MS / 2);
  await bot.query(
    `insert into tasks (id, skill, name, payload) select gen_random_uuid(), skill, name, payload from tasks where name = 'open'`,
  );
  await bot.settle();
  await bot.advance(DAY_MS / 2);
  for (const room of bot.platform.conversations.keys())
    expect(bot.texts(room)).toEqual([
      expect.stringContaining('you are having coffee'),
      expect.stringContaining('Did you meet?'),
    ]);
});

test.each([
  [
    { date: 'until 2031-01-01 for 2w' },
    /^Use either `!coffee pause until \d{4}-\d\d-\d\d` or `!coffee pause for 3w`, not both\.$/,
  ],
  [
    { date: 'until yesterday' },
    /^"yesterday" is not a date; write for example `!coffee pause until \d{4}-\d\d-\d\d`\.$/,
  ],
])('a pause that is not understood is answered with an example: %j', async ({ date }, answer) => {
  await using bot = await startCoffeeBot();
  expect(await bot.say(`coffee pause ${date}`)).toEqual([expect.stringMatching(answer)]);
  expect(await bot.query('select 1 from coffee_absences')).toEqual([]);
});

test('a number that is too large is rejected', async () => {
  await using bot = await startCoffeeBot();
  expect(await bot.say('coffee met 99999999999')).toEqual([expect.stringMatching(/^"99999999999" is too large\./)]);
});

test('`coffee status` says if the configuration excludes the person', async () => {
  await using bot = await startCoffeeBot({ round: { without: ['@bob:test'] } });
  expect(await bot.say('coffee status', { by: '@bob:test' })).toEqual([
    expect.stringContaining('You are not paired: the configuration excludes you (`without`).'),
  ]);
});

describe('where coffee does not listen', () => {
  const other = defineSkill({
    name: 'other',
    commands: { 'count up': { help: 'counts', run: () => 'one' } },
  });
  const config = { rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { memory: 'ops' } } } };
  const start = () =>
    startCoffeeBot({
      ...{ config, skills: [coffee, other] },
      migrations: { coffee: join(import.meta.dirname, 'migrations') },
    });
  /** Says it with a mention. */
  async function mention(bot: TestBot, room: string, text: string): Promise<string | undefined> {
    const sender = { accountId: '@ann:test', name: 'Ann', bot: false, guest: false };
    const about = { id: text, room, direct: false, sender, at: bot.app.clock.now() };
    bot.platform.happen({ type: 'message', ...about, text, mentionsBot: true });
    await bot.settle();
    return bot.texts(room).at(-1);
  }

  test('it says where it does, if the bot or a command is addressed', async () => {
    await using bot = await start();
    const says = '`coffee` does not listen in this room, only in lobby.';
    expect(await bot.say('coffee status', { room: 'ops' })).toEqual([says]);
    expect(await bot.say('coffee is ready in the kitchen', { room: 'ops' })).toEqual([]);
    expect(await mention(bot, 'ops', 'coffee is ready')).toBe(says);
    expect(await bot.say('coffee status', { room: 'elsewhere' })).toEqual([]);
  });

  test('it says how to configure a room if it has none', async () => {
    await using bot = await startTestBot({
      skills: [coffee],
      migrations: { coffee: join(import.meta.dirname, 'migrations') },
    });
    expect(await bot.say('coffee status')).toEqual([
      '`coffee` does not listen in this room or in any other; configure a room under `skills.coffee`.',
    ]);
  });

  test('no commands are suggested that do not work in the conversation', async () => {
    await using bot = await start();
    await bot.say('coffee pair');
    const room = conversationOf(bot, '@ann:test');
    expect(await mention(bot, room, 'count uo')).toBe('I do not know that. Say `help` to see what I can do.');
  });
});
