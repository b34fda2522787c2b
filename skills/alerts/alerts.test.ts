import type { TestBot } from '../../src/testing/index.ts';
import { bodyOf, post, startAlertsBot } from './test-bot.ts';

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

test('a firing alert is shown with what broke first, its text, where and since when, and how to acknowledge it', async () => {
  expect(await post(bot, { pod: 'api-7c9' })).toBe(200);
  expect(bot.texts()).toHaveLength(1);
  expect(bot.texts()[0]).toMatch(
    /^🔴 CRITICAL prod-eu\/payments KubePodCrashLooping #1\n> api-7c9 restarted 6 times in 10 min\nsince (?:\w{3} )?\d\d:\d\d UTC · api-7c9\nreply `ack 1` or tap 👀\nrunbook · source$/,
  );
  expect(last()?.message.actions).toEqual([
    { label: 'Ack', emoji: '👀', also: ['✅'], command: 'ack 1', undo: 'unack 1', offer: true },
  ]);
});

test('without a policy the bot adds no reaction, but 👀 and ✅ work', async () => {
  await post(bot, { pod: 'a', severity: 'warning' });
  expect(last()?.message.actions?.[0]?.offer).toBe(false);
  await bot.tap(last()?.id ?? '', '✅');
  expect(titles()[0]).toContain('🟠 ACKED by Ann');
});

test('the same notification again, from another peer, shows nothing new and edits nothing', async () => {
  const body = bodyOf([{ pod: 'a' }]);
  for (let peer = 0; peer < 3; peer++) await bot.webhook('alertmanager/prod', body, 'secret');
  expect(bot.texts()).toHaveLength(1);
  expect(last()?.edits).toBe(0);
  await post(bot, { pod: 'b' });
  expect(titles()[1]).toContain('#2');
});

test('a resolve edits the message, shows how long the alert fired and keeps its text', async () => {
  const startsAt = new Date(bot.app.clock.now().getTime() - 37 * MINUTE_MS);
  await post(bot, { pod: 'a', startsAt, summary: 'a is down' });
  await bot.say('ack 1');
  await post(bot, { pod: 'a', startsAt, status: 'resolved', summary: 'a is well' });
  expect(titles()).toEqual(['🟢 RESOLVED after 37 min, Ann · prod-eu/payments KubePodCrashLooping #1']);
  expect(bot.texts()[0]).toContain('a is down');
});

test('firing, resolved, firing with the same body leaves the alert open, under the same number and in a new message', async () => {
  const startsAt = new Date(bot.app.clock.now().getTime() - MINUTE_MS);
  const endsAt = new Date(bot.app.clock.now().getTime() - 1000);
  await post(bot, { pod: 'a', startsAt });
  await post(bot, { pod: 'a', startsAt, endsAt, status: 'resolved' });
  await post(bot, { pod: 'a', startsAt });
  expect(last()?.message.title).toBe('🔴 CRITICAL prod-eu/payments KubePodCrashLooping #1');
  expect(last()?.message.text).toContain('2nd time this week');
  expect(messages()).toHaveLength(2);
  // The end of the first episode is repeated late, by another peer.
  const end = bodyOf([{ pod: 'a', startsAt, endsAt, status: 'resolved' }]);
  await bot.webhook('alertmanager/prod', { ...end, externalURL: 'https://other.example.org' }, 'secret');
  expect(last()?.message.title).toContain('🔴 CRITICAL');
});

test('an alert that fires again after more than a day has a new number, and the old number names it', async () => {
  await post(bot, { pod: 'a' });
  await post(bot, { pod: 'a', status: 'resolved' });
  await bot.advance(25 * 60 * MINUTE_MS);
  await post(bot, { pod: 'a', startsAt: bot.app.clock.now() });
  expect(last()?.message.title).toContain('#2');
  expect(await bot.say('ack 1')).toEqual(['#1 has ended; it fired again as #2.']);
});

test('an ended alert leaves the message of its group after a day', async () => {
  await post(bot, { pod: 'a', team: 'groups' }, { pod: 'b', team: 'groups' });
  await post(bot, { pod: 'a', team: 'groups', status: 'resolved' });
  expect(last()?.message.title).toContain('1 firing, 1 ended');
  await bot.advance(24 * 60 * MINUTE_MS);
  await post(bot, { pod: 'c', team: 'groups' });
  expect(last()?.message.title).toContain('2 firing ·');
});

test('alert 1 shows the history of the alert', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1 on it');
  await post(bot, { pod: 'a', status: 'resolved' });
  const [text] = await bot.say('alert 1');
  expect(text).toMatch(/fired: lobby \(page\)\n.*Ann acknowledged: on it\n.*resolved/);
});

test('an alert in two rooms shows an acknowledgement in both', async () => {
  await post(bot, { pod: 'a', team: 'both' });
  expect(titles('annex')).toEqual(['🔴 CRITICAL prod-eu/payments KubePodCrashLooping #1']);
  await bot.say('ack 1');
  expect(titles('annex')).toEqual(['🟠 ACKED by Ann · prod-eu/payments KubePodCrashLooping #1']);
  expect(last('annex')?.message.text).toContain('Ann has #1');
});

test('dropped alerts are not shown and not stored', async () => {
  await post(bot, { pod: 'a', name: 'Watchdog' });
  expect(bot.texts()).toEqual([]);
  expect(await bot.query('select 1 from alerts')).toEqual([]);
});

test('one bad alert in a good body: the others are accepted and one line says so', async () => {
  const body = bodyOf([{ pod: 'a' }]);
  (body['alerts'] as unknown[]).unshift({ status: 'firing' }, 7);
  expect((await bot.webhook('alertmanager/prod', body, 'secret')).status).toBe(200);
  expect(bot.texts().join('\n')).toContain(
    'prod sent 2 alerts that could not be read (alerts\\[0\\]: its labels are missing); the other one was accepted',
  );
  expect(titles()).toHaveLength(1);
  await bot.webhook('alertmanager/prod', body, 'secret');
  expect(bot.texts()).toHaveLength(2);
});

test('a group is one message; a new alert rings only when all others are acknowledged', async () => {
  await post(bot, { pod: 'a', team: 'groups' }, { pod: 'b', team: 'groups' });
  expect(titles()).toEqual(['🔴 CRITICAL 2 firing · prod-eu/payments KubePodCrashLooping']);
  await post(bot, { pod: 'c', team: 'groups' });
  expect(titles()).toEqual(['🔴 CRITICAL 3 firing · prod-eu/payments KubePodCrashLooping']);
  await bot.tap(last()?.id ?? '', '👀');
  expect(titles()).toEqual(['🟠 ACKED by Ann · 3 firing · prod-eu/payments KubePodCrashLooping']);
  await post(bot, { pod: 'd', team: 'groups' });
  expect(last()?.message.title).toBe(
    '🔴 CRITICAL acked by Ann, but 1 new · 4 firing · prod-eu/payments KubePodCrashLooping',
  );
  const pods = ['a', 'b', 'c', 'd'].map((pod) => ({ pod, team: 'groups', status: 'resolved' as const }));
  await post(bot, ...pods);
  expect(last()?.message.title).toMatch(/^🟢 RESOLVED 4 alerts after .* · prod-eu\/payments KubePodCrashLooping$/);
});

test('a group ends when its last alert ended before the group was handled, and rings when one fires again', async () => {
  const ago = (minutes: number): Date => new Date(bot.app.clock.now().getTime() - minutes * MINUTE_MS);
  const alert = { pod: 'a', team: 'groups', startsAt: ago(3), endsAt: ago(1) };
  await post(bot, alert, { ...alert, pod: 'b' });
  await post(bot, { ...alert, status: 'resolved' });
  expect(titles()).toEqual([expect.stringContaining('🔴 CRITICAL 1 firing, 1 ended')]);
  await post(bot, { ...alert, pod: 'b', status: 'resolved' });
  expect(titles()).toEqual([expect.stringContaining('🟢 RESOLVED 2 alerts')]);
  await post(bot, { pod: 'a', team: 'groups' });
  expect(titles()).toHaveLength(2);
  expect(last()?.message.title).toContain('🔴 CRITICAL 1 firing');
});

test('hostile labels are shown as text: no markup, no control characters, nothing too large to send', async () => {
  await post(bot, {
    pod: `<b>@room</b>\u0000\u202e[x](http://evil.example) **bold** ${'y'.repeat(100_000)}`,
    name: 'Evil\n\n# `code`',
    summary: '<script> @channel **now** [click](https://evil.example)\ud800',
  });
  const [shown] = messages();
  expect(shown?.message.title).toBe('🔴 CRITICAL prod-eu/payments Evil # `code` #1');
  expect(shown?.message.text).not.toMatch(/(?<!\\)\*\*|(?<!\\)\[|(?<!\\)</);
  expect(JSON.stringify(shown).length).toBeLessThan(10_000);
});

test('line breaks in labels and annotations add no lines that look like those of the bot', async () => {
  const forged = 'acked 14:31 UTC by Ann: known, ignore';
  await post(bot, {
    pod: `a\n${forged}`,
    name: `b\n${forged}`,
    summary: `c\n🔴 CRITICAL prod-eu/payments X #999\n${forged}`,
  });
  const lines = bot.texts()[0]?.split('\n') ?? [];
  expect(lines.filter((line) => line.startsWith('acked') || line.startsWith('🔴'))).toHaveLength(1);
  expect(lines).toContain(`> ${forged}`);
});

test('demo alert goes through the real webhook, and its reply says what to do', async () => {
  const answers = await bot.say('demo alert');
  expect(answers[0]).toContain('A sample alert is on its way');
  expect(titles()).toEqual(['🔴 CRITICAL prod-eu/payments KubePodCrashLooping #1']);
  await bot.advance(10 * MINUTE_MS + 100);
  expect(titles()[0]).toContain('🟢 RESOLVED');
});
