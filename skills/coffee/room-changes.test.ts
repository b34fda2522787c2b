import { RateLimited } from '../../src/connectors/connector.ts';
import { MemoryPlatform, type TestBot } from '../../src/testing/index.ts';
import { conversationOf, DAY_MS, FOUR, startCoffeeBot } from './test-bot.ts';

const rooms = { rooms: { lobby: { in: { memory: 'lobby' } }, den: { in: { memory: 'den' } } } };

describe('a conversation whose room', () => {
  const config = { rooms: { plaza: { in: { memory: 'lobby' } }, den: { in: { memory: 'den' } } } };
  const round = { followUp: '1d' };
  /** Follows up in a conversation that was opened under another configuration, and answers there. */
  async function ask(bot: TestBot): Promise<string | undefined> {
    const room = conversationOf(bot, '@bob:test');
    await bot.advance(DAY_MS);
    const asked = bot.messages(room).at(-1);
    await bot.tap(asked?.id ?? '', '✅', { room, by: '@bob:test' });
    return bot.texts(room).at(-1);
  }

  /** A round whose conversations could not be opened before its bot stopped. */
  async function leftBeforeItOpened(): Promise<TestBot> {
    const platform = new MemoryPlatform();
    platform.beforeOpen = () => {
      throw new RateLimited('account', 1000);
    };
    const bot = await startCoffeeBot({ platform, round });
    await bot.say('coffee pair');
    await bot.leave();
    platform.beforeOpen = () => {};
    return bot;
  }

  test('is renamed still accepts the answer to the follow-up question', async () => {
    await using bot = await startCoffeeBot({ round });
    await bot.say('coffee pair');
    await bot.leave();
    await using heir = await startCoffeeBot({ sharedWith: bot, config, round: { ...round, room: 'plaza' } });
    expect(await ask(heir)).toBe('✅ You met. Thank you, somebody!');
  });

  test('is removed, but not the other rooms of its round, accepts it too', async () => {
    const platform = new MemoryPlatform();
    platform.fill('den', FOUR);
    await using bot = await startCoffeeBot({ platform, config: rooms, round: { ...round, room: ['lobby', 'den'] } });
    await bot.say('coffee pair');
    await bot.leave();
    await using heir = await startCoffeeBot({ sharedWith: bot, config, round: { ...round, room: 'den' } });
    expect(await ask(heir)).toBe('✅ You met. Thank you, somebody!');
  });

  test('is removed gets no follow-up question, because nobody would hear the answer', async () => {
    await using bot = await startCoffeeBot({ round });
    await bot.say('coffee pair');
    await bot.leave();
    const options = { coffee: { rounds: { other: { room: 'den' } } } };
    await using heir = await startCoffeeBot({ sharedWith: bot, config, options });
    expect(await ask(heir)).toContain('you are having coffee together');
  });

  test('is renamed before it was opened accepts commands from the start', async () => {
    await using bot = await leftBeforeItOpened();
    await using heir = await startCoffeeBot({ sharedWith: bot, config, round: { ...round, room: 'plaza' } });
    await heir.advance(5000);
    const room = conversationOf(heir, '@bob:test');
    expect(await heir.say('coffee skip', { room, by: '@bob:test' })).toEqual([
      expect.stringContaining('You are skipping the next round'),
    ]);
  });

  test('is removed before it was opened does not announce a follow-up question', async () => {
    await using bot = await leftBeforeItOpened();
    const options = { coffee: { rounds: { other: { room: 'den' } } } };
    await using heir = await startCoffeeBot({ sharedWith: bot, config, options });
    await heir.advance(5000);
    expect(heir.texts(conversationOf(heir, '@bob:test')).join()).not.toContain('I will ask here');
  });
});
