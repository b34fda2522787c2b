import { randomUUID } from 'node:crypto';
import { RateLimited, Rejected } from '../../src/connectors/connector.ts';
import { MemoryPlatform, type TestBot } from '../../src/testing/index.ts';
import { advanceTo, conversationOf, DAY_MS, FOUR, settledOnce, startCoffeeBot, together } from './test-bot.ts';

const HOUR_MS = 3_600_000;
/** A message in the lobby that the test does not wait for. */
const said = (bot: TestBot, text: string): Parameters<TestBot['platform']['happen']>[0] => ({
  ...{ type: 'message', id: randomUUID(), room: 'lobby', direct: false, mentionsBot: false, text: `!${text}` },
  sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
  at: bot.app.clock.now(),
});
describe('a round', () => {
  const states = (bot: TestBot) => bot.query('select number, state from coffee_rounds order by number');

  test('interrupted while it was computed starts again when one is requested', async () => {
    await using bot = await startCoffeeBot();
    await bot.query(
      `insert into coffee_rounds (id, name, number, seed, state, began_at, moved_at, rooms)
       values (gen_random_uuid(), 'lobby', 1, 1, 'pairing', now(), now(), '{lobby}')`,
    );
    expect(await bot.say('coffee pair')).toEqual([
      expect.stringMatching(
        /^Round 1 of lobby started .* ago, so no new one was started\. Its groups are being computed\.$/,
      ),
    ]);
    await bot.advance(3 * HOUR_MS);
    expect(await bot.say('coffee pair')).toContain('Round 1 of lobby had stalled and is being restarted.');
    expect(together(bot)).toHaveLength(2);
    expect(await states(bot)).toEqual([{ number: 1, state: 'told' }]);
  });

  test('interrupted while its conversations were opened continues with the remaining ones', async () => {
    await using bot = await startCoffeeBot();
    let isLimited = false;
    bot.platform.afterOpen = () => void (isLimited = true);
    bot.platform.beforeOpen = () => {
      if (isLimited) throw new RateLimited('account', DAY_MS);
    };
    await bot.say('coffee pair');
    await bot.query('delete from timers');
    expect(await bot.say('coffee status')).toEqual([
      expect.stringMatching(/\nRound 1, started .*: 1 of 2 groups is still waiting for a conversation\.\n/),
    ]);
    isLimited = false;
    bot.platform.afterOpen = () => {};
    await bot.advance(3 * HOUR_MS);
    expect(await bot.say('coffee pair')).toEqual([
      expect.stringMatching(/so no new one was started\. 1 of 2 groups is still waiting for a conversation\.$/),
    ]);
    expect(together(bot)).toHaveLength(2);
    for (const room of bot.platform.conversations.keys()) expect(bot.texts(room)).toHaveLength(1);
    expect(await states(bot)).toEqual([{ number: 1, state: 'told' }]);
  });

  test('that stalled is resumed once, however many requests arrive', async () => {
    await using bot = await startCoffeeBot({ members: Array.from({ length: 12 }, (_, at) => `@p${at}:test`) });
    bot.platform.beforeOpen = () => {
      throw new Error('the server is down');
    };
    await bot.say('coffee pair');
    await bot.query("update coffee_rounds set moved_at = moved_at - interval '3 hours'");
    for (let count = 0; count < 5; count++) bot.platform.happen(said(bot, 'coffee pair'));
    await bot.settle();
    expect(await bot.query('select distinct tries from coffee_groups')).toEqual([{ tries: 2 }]);
  });

  test('resumed during a long wait is not resumed again after it', async () => {
    await using bot = await startCoffeeBot();
    bot.platform.beforeOpen = () => {
      throw new RateLimited('account', DAY_MS);
    };
    await bot.say('coffee pair');
    bot.platform.beforeOpen = () => {};
    await bot.advance(3 * HOUR_MS);
    await bot.say('coffee pair');
    expect(await states(bot)).toEqual([{ number: 1, state: 'told' }]);
    expect(await bot.query('select key from timers')).toEqual([]);
  });

  test('that could not be computed starts over with all its tries when it is resumed', async () => {
    await using bot = await startCoffeeBot();
    bot.platform.beforeMembers = () => {
      throw new Error('the server is down');
    };
    await bot.say('coffee pair');
    const standStill = "update coffee_rounds set tries = 19, moved_at = moved_at - interval '3 hours'";
    await bot.query(standStill);
    await bot.say('coffee pair');
    expect(await bot.query('select state, tries from coffee_rounds')).toEqual([{ state: 'pairing', tries: 1 }]);
    await bot.query(standStill);
    bot.platform.beforeMembers = () => {};
    await bot.say('coffee pair');
    expect(await states(bot)).toEqual([{ number: 1, state: 'told' }]);
    expect(await bot.query('select key from timers')).toEqual([]);
  });

  test.each([
    ['told', { ok: true, says: 'Round 1 of lobby already exists.' }],
    ['failed', { ok: false, says: 'Round 1 of lobby has already failed.' }],
  ])('computed twice answers both requests: %s', async (state, answer) => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    await bot.query('update coffee_rounds set state = $1', [state]);
    await bot.query(
      `insert into tasks (id, skill, name, payload) select gen_random_uuid(), skill, name,
         jsonb_set(payload::jsonb, '{request}', '"late"') from tasks where name = 'pair'`,
    );
    await bot.settle();
    const [said] = await bot.query<{ value: string }>("select value from skill_state where key = 'request:late'");
    expect(JSON.parse(said?.value ?? '{}')).toEqual(answer);
  });

  test('interrupted just before its end does not block the next one', async () => {
    await using bot = await startCoffeeBot();
    await bot.say('coffee pair');
    await bot.query("update coffee_rounds set state = 'opening'");
    await bot.advance(9 * DAY_MS);
    expect(await bot.say('coffee pair')).toContain('Round 2 of lobby is starting.');
    expect(await states(bot)).toEqual([
      { number: 1, state: 'told' },
      { number: 2, state: 'told' },
    ]);
  });

  test('that is unfinished when the next is due is reported in the room', async () => {
    await using bot = await startCoffeeBot({ round: { every: '10:00' } });
    bot.platform.beforeOpen = () => {
      throw new RateLimited('account', 40 * DAY_MS);
    };
    await bot.say('coffee pair');
    await bot.query("update coffee_rounds set moved_at = moved_at + interval '3 days'");
    await advanceTo(bot, 10);
    await settledOnce(bot, async () => bot.texts().some((text) => text.includes('was skipped')));
    expect(bot.texts().at(-1)).toMatch(
      /^☕ The coffee round of 10:00 UTC was skipped\. Round 1 of lobby started .*so no new one was started\. 2 of 2 groups are still waiting for a conversation\. Once that round is done, `!coffee pair` starts a new one\.$/,
    );
  });
});

test('a round that was due more than a day ago is reported, not started', async () => {
  await using bot = await startCoffeeBot({ round: { every: '10:00' } });
  const since = new Date(Date.now() - 2 * DAY_MS).toISOString();
  await bot.query(
    `insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at)
     values ('cron', 'old', 'coffee:cron:round:lobby', 'cron', 'coffee', 'round', 'lobby', '{}', $1)`,
    [since],
  );
  await settledOnce(bot, async () => bot.texts().length > 0);
  expect(bot.texts()).toEqual([expect.stringMatching(/^☕ I was offline when the coffee round of .* was due\./)]);
  expect(await bot.query('select 1 from coffee_rounds')).toEqual([]);
});

test('a round that is renamed while its conversations are opened is still announced to everyone', async () => {
  const platform = new MemoryPlatform();
  platform.fill('lobby', FOUR);
  await using bot = await startCoffeeBot({ platform, round: { followUp: '5d' } });
  platform.beforeOpen = () => {
    throw new RateLimited('account', 1000);
  };
  await bot.say('coffee pair');
  await bot.leave();
  platform.beforeOpen = () => {};
  await using heir = await startCoffeeBot({
    ...{ platform, sharedWith: bot },
    options: { coffee: { rounds: { friday: { room: 'lobby' } } } },
  });
  await heir.advance(5000);
  expect(together(heir)).toHaveLength(2);
  for (const room of platform.conversations.keys())
    expect(heir.texts(room)).toEqual([expect.stringContaining('I will ask here on')]);
  await heir.advance(5 * DAY_MS);
  for (const room of platform.conversations.keys()) expect(heir.texts(room).at(-1)).toContain('Did you meet?');
  expect(await heir.query('select state from coffee_rounds')).toEqual([{ state: 'told' }]);
});

describe('a platform that fails', () => {
  test('is retried for every group, and the room is told after an hour and at the end', async () => {
    const members = Array.from({ length: 12 }, (_, at) => `@p${at}:test`);
    await using bot = await startCoffeeBot({ members });
    let isDown = true;
    bot.platform.beforeOpen = () => {
      if (isDown) throw new Error('the server is down');
    };
    const tries = async () =>
      (await bot.query<{ tries: number }>('select distinct tries from coffee_groups')).map((row) => row.tries);
    await bot.say('coffee pair');
    expect(await tries()).toEqual([1]);
    for (let level = 0; level < 6; level++) await bot.advance(30_000 * 2 ** level);
    expect(await tries()).toEqual([7]);
    expect(bot.texts().join()).not.toContain('No conversation could be opened');
    await bot.advance(HOUR_MS);
    expect(await tries()).toEqual([8]);
    expect(bot.texts().at(-1)).toMatch(
      /^No conversation could be opened yet for 6 groups: the server is down\. I will keep trying for a day\.\np/,
    );
    isDown = false;
    await bot.advance(HOUR_MS);
    expect(together(bot)).toHaveLength(6);
    expect(bot.texts().at(-1)).toBe('Every group now has its conversation.');
  }, 120_000);
});

test('a failure without a reason is reported as such', async () => {
  await using bot = await startCoffeeBot();
  bot.platform.beforeMembers = () => {
    throw new Error('');
  };
  await bot.say('coffee pair');
  expect(bot.texts().at(-1)).toContain('is delayed: no reason given. I will keep trying.');
  bot.platform.beforeMembers = () => {};
  bot.platform.beforeOpen = () => {
    throw new Rejected('');
  };
  await bot.advance(60_000);
  expect(bot.texts().at(-1)).toContain('No conversation could be opened for 2 groups: no reason given. `!');
});

describe('whether they met', () => {
  test('is answered where the command was sent, unless the question is there', async () => {
    await using bot = await startCoffeeBot({ round: { followUp: '1d' }, members: ['@ann:test', '@bob:test'] });
    await bot.say('coffee pair');
    await bot.advance(DAY_MS);
    expect(await bot.say('coffee met', { by: '@bob:test' })).toEqual(['✅ You met. Thank you, somebody!']);
    const room = conversationOf(bot, '@bob:test');
    expect(bot.texts(room).at(-1)).toBe('✅ You met. Thank you, somebody!');
    expect(await bot.say('!coffee no', { by: '@bob:test', room, direct: true })).toEqual([]);
    expect(bot.texts(room).at(-1)).toBe('❌ somebody says it did not work out. Maybe another time.');
  });

  test('a name that looks like a pattern is shown as it is', async () => {
    const ann = { accounts: { memory: '@ann:test' } };
    const bob = { name: 'B$&b', accounts: { memory: '@bob:test' } };
    await using bot = await startCoffeeBot({ config: { people: { ann, bob } } });
    await bot.say('coffee pair');
    expect(await bot.say('coffee met', { by: '@bob:test' })).toEqual(['✅ You met. Thank you, B$&b!']);
  });

  test('a group that keeps planning is asked three times at most', async () => {
    await using bot = await startCoffeeBot({ round: { followUp: '1d' }, members: ['@ann:test', '@bob:test'] });
    await bot.say('coffee pair');
    for (let day = 0; day < 5; day++) {
      await bot.advance(DAY_MS);
      await bot.say('coffee planned', { by: '@bob:test' });
    }
    expect(await bot.query('select asked from coffee_groups')).toEqual([{ asked: 3 }]);
  });
});
