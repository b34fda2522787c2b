import { join } from 'node:path';
import { MemoryPlatform, startTestBot, type TestBot, type TestBotOptions } from '../../src/testing/index.ts';
import { until } from '../../test/harness/until.ts';
import coffee from './index.ts';

export interface CoffeeBotOptions extends Partial<TestBotOptions> {
  /** Accounts in the lobby; default: Ann, Bob, Cem and Dia. */
  readonly members?: readonly string[];
  /** Options of the round `lobby`. */
  readonly round?: Record<string, unknown>;
}

export const DAY_MS = 86_400_000;
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

export function conversationOf(bot: TestBot, person: string): string {
  const found = [...bot.platform.conversations].findLast(([, { people }]) => people.includes(person));
  if (!found) throw new Error(`${person} has no conversation`);
  return found[0];
}

/** Waits for what a cron does; crons are checked once a second. */
export async function settledOnce(bot: TestBot, condition: () => Promise<boolean>): Promise<void> {
  await until(condition);
  await bot.settle();
}

/** The hour of the day about `hours` from now, never midnight: tests work at any time of day. */
export function hourIn(hours: number): number {
  return ((new Date().getUTCHours() + hours - 1) % 23) + 1;
}

/** A daily round at this hour, with its warning an hour before. */
export const warnedRound = (hour: number) => ({ every: `${String(hour).padStart(2, '0')}:00`, warn: '1h' });

/** Advances to the next time it is this hour in UTC, once the bot has registered its crons. */
export async function advanceTo(bot: TestBot, hour: number): Promise<void> {
  await settledOnce(bot, async () => (await bot.query('select 1 from crons')).length > 0);
  const now = bot.app.clock.now();
  const next = new Date(now);
  next.setUTCHours(hour, 0, 0, 0);
  if (next <= now) next.setTime(next.getTime() + DAY_MS);
  await bot.advance(next.getTime() - now.getTime());
}
