import { randomUUID } from 'node:crypto';
import { defineSkill } from '../../src/skill.ts';
import { MemoryPlatform, startTestBot, type TestBot } from '../../src/testing/index.ts';

const MINUTE_MS = 60_000;

const probe = defineSkill({
  name: 'probe',
  commands: {
    'begin {what...}': { help: 'must be confirmed when late', run: ({ args }) => `begun ${args.what}` },
    halt: {
      help: 'runs however late',
      late: 'run',
      run: ({ lateMs }) => `halted ${Math.round(lateMs / MINUTE_MS)} late`,
    },
  },
});

const bots: TestBot[] = [];
const start = async (options: Partial<Parameters<typeof startTestBot>[0]> = {}): Promise<TestBot> => {
  const bot = await startTestBot({ skills: [probe], ...options });
  bots.push(bot);
  return bot;
};
afterEach(async () => {
  for (const bot of bots.splice(0).reverse()) await bot.stop();
});

function hear(platform: MemoryPlatform, text: string, agoMs: number): void {
  platform.happen({
    type: 'message',
    id: randomUUID(),
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: new Date(Date.now() - agoMs),
    text,
    mentionsBot: false,
  });
}

/** A bot that was offline for this long, during which these messages were sent; resolves when it has handled them. */
async function returnAfter(awayMs: number, said: readonly [text: string, agoMs: number][]): Promise<TestBot> {
  const before = await start();
  await before.leave();
  await before.query(`update cursors set stored_at = stored_at - $1 * interval '1 millisecond'`, [awayMs]);
  for (const [text, agoMs] of said) hear(before.platform, text, agoMs);
  const bot = await start({ sharedWith: before });
  await bot.settle();
  return bot;
}

test('a command from a time when the bot was offline must be repeated; the reply has its age and text', async () => {
  const bot = await returnAfter(190 * MINUTE_MS, [['!begin *deploy*', 180 * MINUTE_MS]]);
  expect(bot.texts()).toEqual([
    'I was offline when you sent this 3 h ago. If you still want it, send it again: `begin \\*deploy\\*`',
  ]);
  expect(await bot.say('begin again')).toEqual(['begun again']);
});

test('a command with late: run is run, and knows how late it is', async () => {
  const bot = await returnAfter(190 * MINUTE_MS, [['!halt', 180 * MINUTE_MS]]);
  expect(bot.texts()).toEqual(['halted 180 late']);
});

test('a command from shortly before the bot came back is run', async () => {
  const bot = await returnAfter(190 * MINUTE_MS, [['!begin now', 9 * MINUTE_MS]]);
  expect(bot.texts()).toEqual(['begun now']);
});

test('an old timestamp without downtime does not count as late, because platform clocks may be wrong', async () => {
  const bot = await returnAfter(5 * MINUTE_MS, [['!begin now', 180 * MINUTE_MS]]);
  expect(bot.texts()).toEqual(['begun now']);
});

test('several late commands are handled once, in order, even across another restart', async () => {
  const bot = await returnAfter(190 * MINUTE_MS, [
    ['!begin one', 180 * MINUTE_MS],
    ['!halt', 170 * MINUTE_MS],
    ['!begin two', 1000],
  ]);
  await bot.leave();
  const again = await start({ sharedWith: bot });
  await again.settle();
  expect(again.texts().map((text) => text.split(' ')[0])).toEqual(['I', 'halted', 'begun']);
});

test('the answer to a late command is a reply to it', async () => {
  const bot = await returnAfter(190 * MINUTE_MS, [['!begin x', 180 * MINUTE_MS]]);
  expect(bot.messages()[0]?.replyTo).toBe(bot.platform.stream[0]?.id);
});

test('commands from before the first start are not run', async () => {
  const platform = new MemoryPlatform();
  hear(platform, '!begin before', 1000);
  hear(platform, '!halt', 180 * MINUTE_MS);
  const bot = await start({ platform });
  expect(await bot.say('begin after')).toEqual(['begun after']);
  expect(bot.texts()).toEqual(['begun after']);
});
