import { defineSkill, defineTask, z } from '#skill';
import { RateLimited, Rejected } from '../../src/connectors/connector.ts';
import { insertEvents } from '../../src/events/event.ts';
import type { TestBot } from '../../src/testing/index.ts';
import coffee from './index.ts';
import { until } from '../../test/harness/until.ts';
import {
  advanceTo,
  conversationOf,
  DAY_MS,
  FOUR,
  hourIn,
  settledOnce,
  startCoffeeBot,
  together,
  warnedRound,
} from './test-bot.ts';

/** Stores the same event as `watchbell pair`, and returns the answer. */
async function ask(bot: TestBot, id: string, more: object = {}): Promise<{ ok: boolean; says: string } | undefined> {
  const payload = JSON.stringify({ id, target: 'lobby', ...more });
  const event = {
    source: 'cli',
    sourceId: id,
    kind: 'emit' as const,
    skill: 'coffee',
    name: 'coffee.pair',
    lane: 'coffee:coffee.pair',
  };
  bot.app.dispatcher.wake(
    await insertEvents(bot.app.database.query, [{ ...event, payload, happenedAt: bot.app.clock.now() }]),
  );
  await bot.settle();
  const [row] = await bot.query<{ value: string }>('select value from skill_state where key in ($1, $2)', [
    `request:${id}:lobby`,
    `request:${id}`,
  ]);
  return row && (JSON.parse(row.value) as { ok: boolean; says: string });
}

describe('a round', () => {
  test('pairs everyone, opens a conversation for each pair and tells the room', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    expect(together(bot).join('+').split('+').toSorted()).toEqual(['ann', 'bob', 'cem', 'dia']);
    for (const room of bot.platform.conversations.keys())
      expect(bot.texts(room)).toEqual([expect.stringContaining('you are having coffee together this time')]);
    expect(bot.texts()).toEqual([
      'Round 1 of lobby is starting.',
      '☕ Coffee round 1 has started: 2 pairs. Each will get a message from me.',
    ]);
  });

  test('mentions people by their account on that platform and suggests times within the working hours of both', async () => {
    const people = {
      ann: { name: 'Ann', accounts: { memory: '@ann:test' }, timeZone: 'Europe/Berlin', hours: 'Mon-Fri 09:00-17:00' },
      bob: {
        name: 'Bob',
        accounts: { memory: '@bob:test' },
        timeZone: 'America/New_York',
        hours: 'Mon-Fri 09:00-17:00',
      },
    };
    await using bot = await startCoffeeBot({
      members: ['@ann:test', '@bob:test'],
      config: { people, rooms: { lobby: { in: { memory: 'lobby' } } } },
    });
    await bot.say('coffee pair', { by: '@ann:test' });
    const [message] = bot.messages(conversationOf(bot, '@ann:test'));
    expect(message?.message.mentions).toEqual([
      { accountId: '@ann:test', name: 'Ann' },
      { accountId: '@bob:test', name: 'Bob' },
    ]);
    expect(message?.message.text).toMatch(/1[5-6]:[03]0 CES?T \(Ann\) = .*(09|10):[03]0 E[SD]T \(Bob\), or /);
  });

  test('never repeats a pair before all have met, and reuses the conversation afterwards', async () => {
    await using bot = await startCoffeeBot();
    const seen: string[] = [];
    for (let round = 0; round < 3; round++) {
      await bot.say('coffee pair');
      await bot.advance(7 * DAY_MS);
    }
    seen.push(...together(bot));
    expect(new Set(seen).size).toBe(6);
    await bot.say('coffee pair');
    expect(together(bot)).toHaveLength(6);
    const openers = [...bot.platform.conversations.keys()].flatMap((room) => bot.texts(room));
    expect(openers).toHaveLength(8);
    expect(openers.filter((text) => text.includes('You were paired before, in round'))).toHaveLength(2);
  });

  test('leaves out guests, bots, and people excluded by the configuration', async () => {
    await using bot = await startCoffeeBot({ round: { without: ['@hal:test', '*-bot', '@bridge_*:test'] } });
    const one = { name: 'x', bot: false, guest: false };
    bot.platform.fill('lobby', [
      ...FOUR,
      { ...one, accountId: '@12:test', guest: true },
      { ...one, accountId: '@robot:test', bot: true },
      '@hal:test',
      '@deploy-bot:test',
      '@bridge_eve:test',
    ]);
    await bot.say('coffee pair');
    expect(together(bot).join('+').split('+').toSorted()).toEqual(['ann', 'bob', 'cem', 'dia']);
  });

  test('a name that is cut in the middle of an emoji does no harm', async () => {
    const long = '😀'.repeat(200);
    await using bot = await startCoffeeBot();
    const one = { bot: false, guest: false };
    bot.platform.fill('lobby', [
      { ...one, accountId: '@ann:test', name: long },
      { ...one, accountId: '@bob:test', name: long.slice(0, 255) },
    ]);
    await bot.say('coffee pair');
    expect(together(bot)).toEqual(['ann+bob']);
    for (const { name } of bot.platform.conversations.values()) expect(name.isWellFormed()).toBe(true);
  });

  test('with `odd: rest` a leftover person rests, and the room is told who', async () => {
    await using bot = await startCoffeeBot({
      members: ['@ann:test', '@bob:test', '@cem:test'],
      round: { odd: 'rest' },
    });
    await bot.say('coffee pair');
    expect(bot.texts().at(-1)).toMatch(/1 pair\. .*\n\w+ sits this one out and will be paired first next time\./);
  });

  test('with a single person it reports that there are no groups', async () => {
    await using bot = await startCoffeeBot({ members: ['@ann:test'] });
    await bot.say('coffee pair');
    expect(bot.texts().at(-1)).toBe('☕ Coffee round 1: no groups, because only one person takes part.');
  });

  test('pairs 5,000 people and stores all of them', async () => {
    const members = Array.from({ length: 5000 }, (_, at) => `@p${at}:test`);
    await using bot = await startCoffeeBot({ members, crashPoint: () => {} });
    // Opening conversations is not tested here: the first one has to wait.
    bot.platform.beforeOpen = () => {
      throw new RateLimited('account', DAY_MS);
    };
    await bot.say('coffee pair');
    expect(
      await bot.query(
        'select count(*)::int as groups, count(distinct conversation_id)::int as conversations from coffee_groups',
      ),
    ).toEqual([{ groups: 2500, conversations: 2500 }]);
    expect(await bot.query('select count(*)::int as met, sum(times)::int as times from coffee_met')).toEqual([
      { met: 2500, times: 2500 },
    ]);
  });
});

describe('one round, however often it is requested', () => {
  test('the cron and the command line at the same time start one round', async () => {
    await using bot = await startCoffeeBot({ round: { every: '10:00' } });
    // The cron is checked within a second, while these requests arrive.
    await advanceTo(bot, 10);
    const answers = await Promise.all([ask(bot, 'one'), ask(bot, 'two')]);
    await settledOnce(bot, async () => (await bot.query("select 1 from events where kind = 'cron'")).length > 0);
    expect(answers.map((answer) => answer?.ok)).toEqual([true, true]);
    expect(await bot.query('select number from coffee_rounds')).toEqual([{ number: 1 }]);
    expect(together(bot)).toHaveLength(2);
  });

  test('a request within 12 hours refers to the same round, a week later to a new one', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    expect(await bot.say('coffee pair')).toEqual([
      expect.stringMatching(/^Round 1 of lobby started \d+ s ago, so no new one was started\.$/),
    ]);
    await bot.advance(7 * DAY_MS);
    expect(await bot.say('coffee pair')).toContain('Round 2 of lobby is starting.');
  });

  test('a dry run shows the round that will follow and changes nothing', async () => {
    await using bot = await startCoffeeBot();
    const dry = await ask(bot, 'dry', { dry: true, explain: 'Ann' });
    expect(dry?.says).toMatch(/^Round 1, seed \d+: 4 people, 2 pairs\.\n/);
    expect(dry?.says).toContain('2 of 2 meetings between people who have not met.');
    expect(dry?.says).toMatch(/\nAnn: with \w+\.\n {2}3 of 3 not met yet\.\n/);
    expect(await bot.query('select 1 from coffee_rounds')).toEqual([]);
    const real = await ask(bot, 'real');
    expect(dry?.says.startsWith(real?.says ?? '-')).toBe(true);
  });

  test('an unknown room is rejected in one sentence', async () => {
    await using bot = await startCoffeeBot();
    expect(await ask(bot, 'x', { target: 'kitchen' })).toEqual({
      ok: false,
      says: 'There is no coffee round or room called "kitchen".',
    });
  });
});

describe('a platform', () => {
  test('that rate-limits is given time, and everyone is told once', async () => {
    await using bot = await startCoffeeBot();
    let refusals = 0;
    bot.platform.beforeOpen = () => {
      if (refusals++ < 3) throw new RateLimited('account', 60_000);
    };
    await bot.say('coffee pair');
    expect(together(bot)).toEqual([]);
    for (let minute = 0; minute < 3; minute++) await bot.advance(60_000);
    expect(together(bot)).toHaveLength(2);
    for (const room of bot.platform.conversations.keys()) expect(bot.texts(room)).toHaveLength(1);
  });

  test('that loses its answer still gets one conversation per pair', async () => {
    await using bot = await startCoffeeBot();
    let lost = false;
    bot.platform.afterOpen = () => {
      if (lost) return;
      lost = true;
      throw new Error('the answer was lost');
    };
    await bot.say('coffee pair');
    expect(together(bot)).toHaveLength(2);
    expect([...bot.platform.conversations.keys()].map((room) => bot.texts(room).length)).toEqual([1, 1]);
  });

  test('that rejects one conversation still opens the others, and the room is told whose it was', async () => {
    await using bot = await startCoffeeBot();
    bot.platform.beforeOpen = ({ people }) => {
      if (people.includes('@ann:test')) throw new Rejected('@ann:test cannot be invited');
    };
    await bot.say('coffee pair');
    expect(together(bot)).toHaveLength(1);
    expect(bot.texts().at(-1)).toMatch(
      /^No conversation could be opened for 1 group: @ann:test cannot be invited\..*\nAnn and /,
    );
  });

  test('that fails temporarily for one conversation is retried after the others', async () => {
    await using bot = await startCoffeeBot();
    let down = true;
    bot.platform.beforeOpen = ({ people }) => {
      if (down && people.includes('@ann:test')) throw new Error('the server is down');
    };
    await bot.say('coffee pair');
    expect(together(bot)).toHaveLength(1);
    down = false;
    await bot.advance(60_000);
    expect(together(bot)).toHaveLength(2);
    expect(await bot.query('select state from coffee_rounds')).toEqual([{ state: 'told' }]);
  });
});

test('if the members of a room cannot be listed, the round is retried and finally reported as failed', async () => {
  await using bot = await startCoffeeBot();
  bot.platform.beforeMembers = () => {
    throw new Rejected('the bot is not in the lobby');
  };
  expect(await ask(bot, 'one')).toEqual({
    ok: false,
    says: 'The round could not be computed: I cannot list the members of lobby: the bot is not in the lobby; I will keep trying',
  });
  await bot.query('update coffee_rounds set tries = 19');
  await bot.advance(3_600_000);
  expect(bot.texts()).toEqual([expect.stringContaining('☕ Coffee round 1 failed: ')]);
  bot.platform.beforeMembers = () => {};
  expect(await bot.say('coffee pair')).toContain('Round 2 of lobby is starting.');
}, 60_000);

describe('taking part', () => {
  test('a pause lasts until its date, a skip for one round', async () => {
    await using bot = await startCoffeeBot();
    expect(await bot.say('coffee pause for 2w', { by: '@bob:test' })).toEqual([
      expect.stringMatching(/^You are paused until 20.* Say `!coffee join` to come back sooner\.$/),
    ]);
    expect(await bot.say('coffee skip', { by: '@cem:test' })).toEqual([
      expect.stringContaining('You are skipping the next round of lobby.'),
    ]);
    await bot.say('coffee pair');
    expect(together(bot)).toEqual(['ann+dia']);
    await bot.advance(7 * DAY_MS);
    await bot.say('coffee pair');
    expect(together(bot)).toHaveLength(2);
    await bot.advance(8 * DAY_MS);
    await bot.say('coffee pair');
    const [last] = await bot.query<{ quality: { people: number } }>(
      'select quality from coffee_rounds order by number desc limit 1',
    );
    expect(last?.quality.people).toBe(4);
  });

  test('`coffee stop` lasts until `coffee join`', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee stop', { by: '@bob:test' });
    await bot.advance(400 * DAY_MS);
    expect(await bot.say('coffee status', { by: '@bob:test' })).toEqual([
      expect.stringContaining('You are paused until you say `!coffee join`.'),
    ]);
    await bot.say('coffee join', { by: '@bob:test' });
    expect(await bot.say('coffee status', { by: '@bob:test' })).toEqual([
      expect.stringContaining('You take part as long as'),
    ]);
  });

  test.each([
    ['America/New_York', '00:00 EST'],
    ['Europe/Berlin', '00:00 CET'],
    ['UTC', '00:00 UTC'],
  ])('a pause until a day ends at midnight in %s', async (timeZone, clock) => {
    await using bot = await startCoffeeBot({ config: { timeZone } });
    const day = `${new Date().getUTCFullYear() + 1}-12-01`;
    expect(await bot.say(`coffee pause until ${day}`)).toEqual([
      `You are paused until ${day} ${clock}. Say \`!coffee join\` to come back sooner.`,
    ]);
  });

  test.each(['2026-02-30', 'tomorrow', '2020-01-01'])('"%s" is rejected as the end of a pause', async (day) => {
    await using bot = await startCoffeeBot();
    expect((await bot.say(`coffee pause until ${day}`)).join('')).toMatch(/is not a date|is in the past/);
    expect(await bot.query('select 1 from coffee_absences')).toEqual([]);
  });

  test('a round is announced in the room beforehand, and a reaction skips it', async () => {
    const hour = hourIn(3);
    const round = warnedRound(hour);
    await using bot = await startCoffeeBot({ round });
    await advanceTo(bot, hour - 1);
    await settledOnce(bot, async () => bot.texts().length > 0);
    expect(bot.texts()).toEqual([expect.stringContaining(`☕ The next coffee round is ${round.every} UTC.`)]);
    await bot.tap(bot.messages()[0]?.id ?? '', '🚫', { by: '@bob:test' });
    await bot.tap(bot.messages()[0]?.id ?? '', '🚫', { by: '@cem:test' });
    await bot.tap(bot.messages()[0]?.id ?? '', '🚫', { by: '@cem:test', away: true });
    expect(await bot.query('select person from coffee_skips')).toEqual([{ person: 'memory @bob:test' }]);
  });
});

describe('follow-up', () => {
  test('a group is asked whether they met; the answer shows in history and statistics', async () => {
    await using bot = await startCoffeeBot({ round: { followUp: '5d' } });
    await bot.say('coffee pair');
    await bot.advance(5 * DAY_MS);
    const room = conversationOf(bot, '@bob:test');
    expect(bot.texts(room).at(-1)).toMatch(
      /^☕ Did you meet\? Tap ✅ met, 📅 planned or ❌ no, or say `!coffee met \d+`\.$/,
    );
    await bot.tap(bot.messages(room).at(-1)?.id ?? '', '✅', { by: '@bob:test', room });
    expect(bot.texts(room).at(-1)).toBe('✅ You met. Thank you, somebody!');
    expect(await bot.say('coffee history', { by: '@bob:test' })).toEqual([
      expect.stringMatching(/^#\d+ \w{3} \d\d:\d\d UTC with \w+, met$/),
    ]);
    const [stats] = await bot.say('coffee stats');
    expect(stats).toContain('2: 1 met, 0 planned, 0 did not meet, 1 did not answer');
    expect(stats).toContain('2 of 6 (33 %)');
    expect(bot.messages().at(-1)?.message.image?.alt).toBe('Who has met whom: 2 of 6 pairs of 4 people');
  });

  test('a group that plans to meet is asked again, and only its members can answer', async () => {
    await using bot = await startCoffeeBot({ round: { followUp: '5d' } });
    await bot.say('coffee pair');
    await bot.advance(5 * DAY_MS);
    const room = conversationOf(bot, '@bob:test');
    const question = bot.messages(room).at(-1)?.id ?? '';
    const inRoom = bot.platform.conversations.get(room)?.people ?? [];
    const stranger = FOUR.find((one) => !inRoom.includes(one)) ?? '';
    await bot.tap(question, '❌', { by: stranger, room });
    await bot.tap(question, '📅', { by: '@bob:test', room });
    expect(await bot.query('select answer from coffee_groups where answer is not null')).toEqual([
      { answer: 'planned' },
    ]);
    await bot.advance(5 * DAY_MS);
    expect(bot.texts(room).at(-1)).toContain('☕ somebody said it was planned. Did you meet?');
  });

  test('in a conversation the bot reacts only to `!coffee …`, so that people can talk', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    const room = conversationOf(bot, '@bob:test');
    const said = { by: '@bob:test', room, direct: true };
    expect(await bot.say('coffee status', said)).toEqual([]);
    expect(await bot.say('!coffee status', said)).toEqual([expect.stringContaining('You take part as long as')]);
    expect(await bot.say('!coffee status', { ...said, room: 'elsewhere', direct: false })).toEqual([]);
  });
});

test('where a platform has no private conversations, listed people are paired in the room itself', async () => {
  const config = {
    connectors: { memory: {}, web: {} },
    rooms: { page: { in: { web: 'page' } } },
    people: {
      ann: { name: 'Ann', accounts: { web: 'ann' } },
      bob: { name: 'Bob', accounts: { web: 'bob' } },
      cem: { name: 'Cem', accounts: { memory: '@cem:test' } },
    },
  };
  await using bot = await startCoffeeBot({ config, options: { coffee: { rounds: { lobby: { room: 'page' } } } } });
  expect(await ask(bot, 'one')).toMatchObject({ ok: true });
  const shown = await bot.query<{ content: string }>(
    "select content from messages where connector = 'web' order by position",
  );
  expect(shown.map(({ content }) => (JSON.parse(content) as { text: string }).text)).toEqual([
    '☕ Coffee round 1 has started: 1 pair. Each will get a message from me.',
    expect.stringContaining('☕ Ann and Bob: you are having coffee together this time.'),
  ]);
});

test('several replicas open conversations, and each is opened and announced once', async () => {
  const members = Array.from({ length: 40 }, (_, at) => `@p${at}:test`);
  await using one = await startCoffeeBot({ members });
  await using other = await startCoffeeBot({ members, sharedWith: one });
  const opened: string[] = [];
  one.platform.afterOpen = ({ uuid }) => void opened.push(uuid);
  expect(await ask(one, 'one')).toMatchObject({ ok: true });
  await other.settle();
  expect(together(one)).toHaveLength(20);
  expect(opened).toHaveLength(20);
  expect([...one.platform.conversations.keys()].map((room) => one.texts(room).length)).toEqual(Array(20).fill(1));
});

test('a replica that does not hold the connector opens conversations too while the holder is busy', async () => {
  const { promise: free, resolve: release } = Promise.withResolvers<object>();
  const busy = defineSkill({
    name: 'busy',
    commands: {
      busy: {
        help: 'takes all places for tasks',
        async run({ task }) {
          for (let place = 0; place < 4; place++) await task('wait', {});
        },
      },
    },
    tasks: {
      wait: defineTask({
        payload: z.object({}),
        result: z.object({}),
        idempotent: true,
        run: () => free,
        async done() {},
      }),
    },
  });
  await using one = await startCoffeeBot({ skills: [coffee, busy] });
  const said = one.say('busy');
  await until(async () => (await one.query("select 1 from tasks where state = 'running'")).length === 4);
  await using other = await startCoffeeBot({ sharedWith: one });
  const pairs = one.say('coffee pair');
  await until(() => together(one).length === 2);
  release({});
  await Promise.all([said, pairs, other.settle()]);
  const [holders] = await one.query(
    "select count(distinct holder)::int as count from tasks where name in ('open', 'wait')",
  );
  expect(holders).toEqual({ count: 2 });
  for (const room of one.platform.conversations.keys()) expect(one.texts(room)).toHaveLength(1);
});

test('a person listed later keeps the history of their account', async () => {
  await using bot = await startCoffeeBot({ members: ['@ann:test', '@bob:test'] });
  await bot.query(
    "insert into coffee_met (name, one, other, times, last) values ('lobby', 'memory @ann:test', 'memory @bob:test', 3, 0)",
  );
  const dry = await ask(bot, 'dry', { dry: true, explain: 'Ann' });
  expect(dry?.says).toContain('bob: met 3 times, last in round 0, chosen');
});

test('unknown names in the options are problems that say what to do', () => {
  const options = coffee.options?.parse({
    rounds: {
      random: { room: ['kitchen', 'lobby'], across: ['sre'], warn: '1d' },
      quick: { room: 'lobby', every: '0 9,18 * * *', apart: [['ann', 'bobb']], without: ['@hal:test', '*-bot'] },
    },
  });
  const names = { rooms: ['lobby'], people: ['ann', 'bob'], groups: ['design'], schedules: [], timeIntervals: [] };
  expect(options && coffee.check?.(options, names)).toEqual([
    { path: ['rounds', 'random', 'room'], message: 'there is no room called "kitchen"; add it under rooms:' },
    { path: ['rounds', 'random', 'across'], message: 'nobody under people: is in the group "sre"' },
    {
      path: ['rounds', 'random', 'warn'],
      message: 'without `every` there is no next round to announce; add `every`, or remove `warn`',
    },
    { path: ['rounds', 'quick', 'every'], message: expect.stringContaining('rounds must be more than 12 hours apart') },
    {
      path: ['rounds', 'quick', 'apart'],
      message: 'nobody under people: has the key "bobb"; it has no effect unless it is an account id',
      warning: true,
    },
  ]);
});

test('options accept the forms people write', () => {
  const read = (round: object) => coffee.options?.safeParse({ rounds: { random: { room: 'random', ...round } } });
  expect(read({ every: 'Mon 10:00', size: 2, followUp: '5d' })?.data?.rounds['random']).toMatchObject({
    ...{ room: ['random'], every: '0 10 * * Mon', size: 2, odd: 'join' },
    followUp: 5 * DAY_MS,
  });
  expect(read({ every: 'Mon,Thu 9:30' })?.data?.rounds['random']?.every).toBe('30 9 * * Mon,Thu');
  expect(read({ every: '0 10 * * 1' })?.success).toBe(true);
  expect(read({ every: 'fri-mon 10:00' })?.data?.rounds['random']?.every).toBe('0 10 * * Fri,Sat,Sun,Mon');
  expect(read({ every: 'Mon-Wed-Fri 10:00' })?.error?.issues[0]?.message).toBe(
    '"Mon-Wed-Fri" is not a list of days like Mon-Fri or Mon,Wed,Fri',
  );
  for (const bad of [{ every: 'Monday' }, { every: '25:00' }, { size: 1 }, { warn: 'soon' }])
    expect(read(bad)?.success).toBe(false);
});
