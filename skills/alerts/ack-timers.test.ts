import type { TestBot } from '../../src/testing/index.ts';
import { post, startAlertsBot } from './test-bot.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

const MINUTE_MS = 60_000;
const messages = (room?: string) => bot.messages(room);
const last = (room?: string) => messages(room).at(-1);
/** Titles of current messages, without older copies that now point to a newer one. */
const titles = (room?: string): string[] => messages(room).flatMap((one) => one.message.title ?? []);

test('a reminder rings every 30 minutes until the alert is acknowledged', async () => {
  await post(bot, { pod: 'a' });
  await bot.advance(30 * MINUTE_MS + 100);
  expect(messages()).toHaveLength(2);
  expect(last()?.message.text).toMatch(/^\*\*reminder\*\*: not acknowledged after 30 min\n/);
  await bot.advance(55 * MINUTE_MS);
  expect(last()?.message.text).toContain('(25 min late: I was offline)');
  await bot.say('ack 1');
  const before = messages().length;
  await bot.advance(90 * MINUTE_MS);
  expect(messages()).toHaveLength(before);
});

test('when an acknowledgement ends, the owner is asked, and without an answer the alert is open again', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1 for 1h');
  await bot.advance(60 * MINUTE_MS + 100);
  expect(last()?.message.text).toMatch(/^Ann, still on it\? Say `ack 1`; otherwise #1 is open again at /);
  expect(last()?.message.mentions).toEqual([{ accountId: '@ann:test', name: 'Ann' }]);
  await bot.say('ack 1 for 1h');
  await bot.advance(20 * MINUTE_MS);
  expect(titles().some((title) => title.includes('ACKED'))).toBe(true);
  await bot.advance(41 * MINUTE_MS);
  expect(last()?.message.text).toContain('still on it?');
  await bot.advance(15 * MINUTE_MS + 100);
  expect(last()?.message.title).toContain('🔴 CRITICAL');
  expect(last()?.message.text).toContain('**open again**: no answer from Ann');
});

test('the owner of many alerts is asked about all of them, and keeps them with the commands in the question', async () => {
  await post(bot, ...Array.from({ length: 60 }, (_, index) => ({ pod: `p${index}`, team: 'grouppage' })));
  await bot.say('ack all 60');
  await bot.advance(240 * MINUTE_MS + 100);
  const asked = bot.texts().filter((text) => text.includes('still on it?'));
  expect(asked.map((text) => /otherwise (\d+) alerts/.exec(text)?.[1])).toEqual(['50', '10']);
  for (const text of asked) {
    const [answer] = await bot.say(/`(ack [\d ]+)`/.exec(text)?.[1] ?? '');
    expect(answer).toMatch(/^Ann has (#\d+ ){10}and \d+ more\.$|^Ann has( #\d+){10}\.$/);
  }
  await bot.advance(16 * MINUTE_MS);
  expect(bot.texts().filter((text) => text.includes('open again**'))).toEqual([]);
});

test('each alert of a group is open again in time, also when the owners of others are asked meanwhile', async () => {
  await post(bot, { pod: 'a', team: 'grouppage' }, { pod: 'b', team: 'grouppage' });
  await bot.say('ack 1');
  await bot.advance(10 * MINUTE_MS);
  await bot.say('ack 2');
  await bot.advance(230 * MINUTE_MS + 100);
  await bot.advance(10 * MINUTE_MS);
  await bot.advance(5 * MINUTE_MS + 100);
  expect(last()?.message.title).toContain('but 1 new');
  await bot.advance(10 * MINUTE_MS + 100);
  expect(last()?.message.title).toContain('CRITICAL 2 firing');
});

test('a group under a policy has one reminder and one question', async () => {
  await post(bot, { pod: 'a', team: 'grouppage' }, { pod: 'b', team: 'grouppage' });
  await bot.advance(30 * MINUTE_MS + 100);
  expect(messages()).toHaveLength(2);
  expect(last()?.message.text).toContain('**reminder**: 2 not acknowledged after 30 min');
  await bot.say('ack', { replyTo: last()?.id ?? '' });
  await bot.advance(4 * 60 * MINUTE_MS + 100);
  const asked = messages().filter((one) => one.message.text?.includes('still on it?'));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.message.text).toContain('Say `ack 1 2`; otherwise 2 alerts are open again');
  await bot.advance(15 * MINUTE_MS + 100);
  expect(last()?.message.title).toContain('🔴 CRITICAL 2 firing');
});
