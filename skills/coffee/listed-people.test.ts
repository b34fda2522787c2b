import { DAY_MS, FOUR, startCoffeeBot, together } from './test-bot.ts';

const listed = (...names: string[]) => ({
  people: Object.fromEntries(names.map((name) => [name, { name, accounts: { memory: `@${name}:test` } }])),
});

test.each([
  ['under another key', { robert: { name: 'Bob', accounts: { memory: '@bob:test' } } }],
  ['no longer', {}],
])('a person listed under people: %s keeps their pause, skip and history', async (_, people) => {
  const config = { people: { ...listed('ann').people, ...people } };
  await using bot = await startCoffeeBot({ config: listed('ann', 'bob', 'cem') });
  await bot.say('coffee pair');
  const [history] = await bot.say('coffee history', { by: '@bob:test' });
  await bot.say('coffee pause', { by: '@bob:test' });
  await bot.say('coffee skip', { by: '@cem:test' });
  await bot.leave();
  await using heir = await startCoffeeBot({ sharedWith: bot, config });
  expect(await heir.say('coffee history', { by: '@bob:test' })).toEqual([history]);
  await heir.advance(7 * DAY_MS);
  await heir.say('coffee pair');
  expect(together(heir)).toContain('ann+dia');
  expect(await heir.query('select quality ->> $1 as people from coffee_rounds where number = 2', ['people'])).toEqual([
    { people: '2' },
  ]);
});

test('a person listed under people: while they are away keeps their seat', async () => {
  await using bot = await startCoffeeBot({ config: listed('ann') });
  await bot.say('coffee pair');
  await bot.say('coffee pause', { by: '@bob:test' });
  const seat = () => bot.query("select person, seat from coffee_seats where person like '%bob%'");
  const before = await seat();
  await bot.leave();
  await using heir = await startCoffeeBot({ sharedWith: bot, config: listed('ann', 'bob') });
  await heir.advance(7 * DAY_MS);
  await heir.say('coffee pair');
  expect(await seat()).toEqual(before);
  await heir.say('coffee join', { by: '@bob:test' });
  await heir.advance(7 * DAY_MS);
  await heir.say('coffee pair');
  expect(await seat()).toEqual(before);
});

test('meetings under several accounts of two people are added up', async () => {
  await using bot = await startCoffeeBot({ members: FOUR.slice(0, 2), config: listed('ann') });
  await bot.say('coffee pair');
  await bot.query(
    `insert into coffee_met (name, one, other, times, last) values ('lobby', 'ann', 'slack U2', 2, 0), ('lobby', 'memory @bob:test', 'slack U2', 1, 0)`,
  );
  await bot.leave();
  const bob = { name: 'Bob', accounts: { memory: '@bob:test', slack: 'U2' } };
  const config = { people: { ...listed('ann').people, bob } };
  await using heir = await startCoffeeBot({ sharedWith: bot, config });
  const [stats] = await heir.say('coffee stats');
  expect(stats).toContain('1 of 1 (100 %)\nann\nBob 3');
  await heir.advance(7 * DAY_MS);
  await heir.say('coffee pair');
  expect((await heir.say('coffee stats'))[0]).toContain('\nBob 4');
});

test('a person listed under people: later keeps their pause, history and answers', async () => {
  await using bot = await startCoffeeBot({ round: { followUp: '5d' } });
  await bot.say('coffee pair');
  await bot.say('coffee pause', { by: '@bob:test' });
  await bot.say('coffee skip', { by: '@cem:test' });
  await bot.leave();
  await using heir = await startCoffeeBot({ sharedWith: bot, round: { followUp: '5d' }, config: listed('bob', 'cem') });
  const by = { by: '@bob:test' };
  expect(await heir.say('coffee status', by)).toEqual([
    expect.stringMatching(
      /\nYou are paused until you say `!coffee join`\.\nLast time \(.*\) you were paired with \w+\.$/,
    ),
  ]);
  expect(await heir.say('coffee history', by)).toEqual([expect.stringMatching(/^#\d+ .* with \w+$/)]);
  expect(await heir.say('coffee met', by)).toEqual(['✅ You met. Thank you, bob!']);
  await heir.say('coffee join', by);
  await heir.say('coffee join', { by: '@cem:test' });
  expect(await heir.query('select person from coffee_absences union select person from coffee_skips')).toEqual([]);
});
