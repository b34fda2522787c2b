import { Unreachable } from '../../src/connectors/connector.ts';
import type { TestBot } from '../../src/testing/index.ts';
import { until } from '../../test/harness/until.ts';
import { advanceTo, hourIn, settledOnce, startCoffeeBot, together, warnedRound } from './test-bot.ts';

const HOUR_MS = 3_600_000;
/** Another round of the same people, besides the lobby's. */
const two = { coffee: { rounds: { lobby: { room: 'lobby' }, den: { room: 'den' } } } };
const rooms = { rooms: { lobby: { in: { memory: 'lobby' } }, den: { in: { memory: 'den' } } } };

describe('a person who skips', () => {
  test('misses the next round of that room, even if other rounds come first', async () => {
    await using bot = await startCoffeeBot({ options: two, config: rooms });
    bot.platform.fill('den', ['@cem:test', '@dia:test']);
    await bot.say('coffee skip', { by: '@bob:test' });
    await bot.say('coffee pair', { room: 'den' });
    await bot.say('coffee pair lobby');
    expect(together(bot).join('+')).not.toContain('bob');
    expect(await bot.query('select 1 from coffee_skips')).toEqual([]);
  });

  test('while a round is being computed is in it, and misses the next one', async () => {
    let said: Promise<unknown> = Promise.resolve();
    const skip = (): void => {
      said = bot.query("insert into coffee_skips (name, person) values ('lobby', 'memory @bob:test')");
    };
    let isFirst = true;
    await using bot: TestBot = await startCoffeeBot({
      crashPoint: (name) => {
        if (name === 'task.after-run' && isFirst) skip();
        if (name === 'task.after-run') isFirst = false;
      },
    });
    await bot.say('coffee pair');
    await said;
    expect(together(bot).join('+')).toContain('bob');
    expect(await bot.query('select name from coffee_skips')).toEqual([{ name: 'lobby' }]);
  });

  test('by a reaction can undo that by removing it, and pauses are not affected', async () => {
    const hour = hourIn(3);
    await using bot = await startCoffeeBot({ round: warnedRound(hour) });
    await advanceTo(bot, hour - 1);
    await settledOnce(bot, async () => bot.texts().length > 0);
    const [warning] = bot.messages();
    await bot.tap(warning?.id ?? '', '🚫', { by: '@bob:test' });
    await bot.say('coffee pause', { by: '@cem:test' });
    await bot.tap(warning?.id ?? '', '🚫', { by: '@cem:test', away: true });
    expect(await bot.query('select person from coffee_absences')).toEqual([{ person: 'memory @cem:test' }]);
    await bot.tap(warning?.id ?? '', '🚫', { by: '@bob:test', away: true });
    expect(await bot.query('select 1 from coffee_skips')).toEqual([]);
  });

  test('by a reaction to a warning whose round has started is told so, and misses nothing', async () => {
    const hour = hourIn(3);
    await using bot = await startCoffeeBot({ round: warnedRound(hour) });
    await advanceTo(bot, hour - 1);
    await settledOnce(bot, async () => bot.texts().length > 0);
    const [warning] = bot.messages();
    await bot.say('coffee pair');
    await bot.tap(warning?.id ?? '', '🚫', { by: '@bob:test' });
    expect(bot.texts().at(-1)).toBe('That round has already started. `!coffee skip` skips the next one.');
    expect(await bot.query('select 1 from coffee_skips')).toEqual([]);
  });

  test('still skips the next round after removing the reaction to the previous warning', async () => {
    const hour = hourIn(3);
    await using bot = await startCoffeeBot({ round: warnedRound(hour) });
    await advanceTo(bot, hour - 1);
    await settledOnce(bot, async () => bot.texts().length > 0);
    const [warning] = bot.messages();
    await bot.tap(warning?.id ?? '', '🚫', { by: '@bob:test' });
    await bot.say('coffee pair');
    await bot.say('coffee skip', { by: '@bob:test' });
    await bot.tap(warning?.id ?? '', '🚫', { by: '@bob:test', away: true });
    expect(await bot.query('select person from coffee_skips')).toEqual([{ person: 'memory @bob:test' }]);
  });

  test('gets no warning that could not be sent before its round', async () => {
    await using bot = await startCoffeeBot({ round: warnedRound(hourIn(12)) });
    let isAway = true;
    bot.platform.before = () => {
      if (isAway) throw new Unreachable('away');
    };
    await bot.query(
      `insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at)
       values ('cron', 'now', 'coffee:cron:warn:lobby', 'cron', 'coffee', 'warn', 'lobby', '{}', now())`,
    );
    await until(async () => (await bot.query('select 1 from messages')).length > 0);
    const later = bot.advance(2 * HOUR_MS);
    isAway = false;
    await later;
    expect(bot.texts().join()).not.toContain('The next coffee round is');
  });

  test('gets no warning after the round has started', async () => {
    await using bot = await startCoffeeBot({ round: warnedRound(hourIn(12)) });
    await bot.query(
      `insert into events (source, source_id, lane, kind, skill, name, key, payload, happened_at)
       values ('cron', 'old', 'coffee:cron:warn:lobby', 'cron', 'coffee', 'warn', 'lobby', '{}', now() - interval '2 hours')`,
    );
    await bot.settle();
    expect(await bot.query('select 1 from messages')).toEqual([]);
  });
});
