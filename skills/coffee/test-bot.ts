import { join } from 'node:path';
import { MemoryPlatform, startTestBot, type TestBot, type TestBotOptions } from '../../src/testing/index.ts';
import coffee from './index.ts';

export interface CoffeeBotOptions extends Partial<TestBotOptions> {
  /** Accounts in the lobby; default: Ann, Bob, Cem and Dia. */
  readonly members?: readonly string[];
  /** Options of the round `lobby`. */
  readonly round?: Record<string, unknown>;
}

export const FOUR = ['@ann:test', '@bob:test', '@cem:test', '@dia:test'];

/** A bot that pairs the people in the lobby. */
export async function startCoffeeBot({ members = FOUR, round = {}, ...more }: CoffeeBotOptions = {}): Promise<TestBot> {
  const platform = more.platform ?? new MemoryPlatform();
  platform.fill('lobby', members);
  return startTestBot({
    skills: [coffee],
    migrations: { coffee: join(import.meta.dirname, 'migrations') },
    options: { coffee: { rounds: { lobby: { room: 'lobby', ...round } } } },
    platform,
    ...more,
  });
}

/** Accounts of each conversation that has been opened, sorted. */
export function together(bot: TestBot): string[] {
  return [...bot.platform.conversations.values()]
    .map(({ people }) => people.map(short).toSorted().join('+'))
    .toSorted();
}

function short(account: string): string {
  return account.replace(/^@|:.*$/g, '');
}
