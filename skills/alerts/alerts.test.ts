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
const idOf = (text: string, room?: string): string =>
  messages(room).findLast((one) => one.message.title?.includes(text))?.id ?? '';
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

test('ack in all its forms acknowledges the alert', async () => {
  const forms = ['ack 1', 'ack #1.', 'ack1', 'acknowledge 1', 'ack', 'ACK 1 on my way', 'ack 1 for 2h', 'snooze 1 2h'];
  for (const form of forms) {
    const [answer] = await oneAlertThen(form);
    expect({ form, answer }).toEqual({ form, answer: expect.stringMatching(/^Ann has #1( until .*)?\.$/) as unknown });
  }
});

async function oneAlertThen(line: string): Promise<string[]> {
  await bot.stop();
  bot = await startAlertsBot();
  await post(bot, { pod: 'a' });
  return bot.say(line);
}

test('ack with a note and a duration shows both, and "for" without a duration belongs to the note', async () => {
  await post(bot, { pod: 'a' }, { pod: 'b' });
  await bot.say('ack 1 for 2h looking at the queue');
  expect(bot.texts()[0]).toMatch(/^🟠 ACKED by Ann until (?:\w{3} )?\d\d:\d\d UTC/);
  expect(bot.texts()[0]).toContain('looking at the queue');
  await bot.say('ack 2 for now');
  expect(bot.texts()[1]).toContain(': for now');
});

test('the first acknowledgement of each episode is stored with it', async () => {
  const acks = () => bot.query('select acked_by, acked_at is not null as at from alert_episodes order by id');
  await post(bot, { pod: 'a' });
  await bot.say('ack 1', { by: '@bob:test' });
  await bot.say('unack 1');
  await bot.say('ack 1');
  await post(bot, { pod: 'a', status: 'resolved' });
  await post(bot, { pod: 'a' });
  expect(await acks()).toEqual([
    { acked_by: 'Bob', at: true },
    { acked_by: null, at: false },
  ]);
});

test('an ended alert leaves the message of its group after a day', async () => {
  await post(bot, { pod: 'a', team: 'groups' }, { pod: 'b', team: 'groups' });
  await post(bot, { pod: 'a', team: 'groups', status: 'resolved' });
  expect(last()?.message.title).toContain('1 firing, 1 ended');
  await bot.advance(24 * 60 * MINUTE_MS);
  await post(bot, { pod: 'c', team: 'groups' });
  expect(last()?.message.title).toContain('2 firing ·');
});

test('another ack of the owner does not change the end of an acknowledgement', async () => {
  await post(bot, { pod: 'a', severity: 'warning' });
  await bot.say('ack 1 for 2h');
  await bot.say('ack 1 looking at the disk');
  await bot.advance(120 * MINUTE_MS + 100);
  expect(last()?.message.text).toContain('Ann, still on it?');
});

test('ack as a reply to an alert acknowledges that alert', async () => {
  await post(bot, { pod: 'a' }, { pod: 'b' });
  await bot.say('ack', { replyTo: idOf('#2') });
  expect(titles()).toEqual([expect.stringContaining('🔴'), expect.stringContaining('🟠 ACKED by Ann')]);
});

test('ack alone lists the open alerts when there are several, and ack all asks first', async () => {
  await post(bot, { pod: 'a' }, { pod: 'b' });
  expect((await bot.say('ack'))[0]).toMatch(/^Which one\? Say `ack 1`, or `ack all`\./);
  expect((await bot.say('ack all'))[0]).toMatch(/^Acknowledge 2 alerts\? Say `ack all 2`\./);
  await post(bot, { pod: 'c' });
  expect((await bot.say('ack all 2'))[0]).toMatch(/^There are 3 now, not 2/);
  expect(await bot.say('ack all 3')).toEqual(
    ['Ann has #1.\nAnn has #2.\nAnn has #3.'].map(
      (text) => expect.stringMatching(text.replaceAll('.', '.*')) as unknown,
    ),
  );
  expect(titles().every((title) => title.includes('ACKED by Ann'))).toBe(true);
});

test('a tap acknowledges with a line in the thread and no reply; removing the tap releases the alert and rings', async () => {
  await post(bot, { pod: 'a' });
  await bot.tap(idOf('#1'), '👀');
  expect(messages()).toHaveLength(2);
  expect(last()?.message.text).toBe('Ann has #1 · `unack 1`');
  expect(last()?.thread ?? last()?.replyTo).toBe(messages()[0]?.id);
  await bot.tap(messages()[0]?.id ?? '', '👀', { away: true });
  expect(last()?.message.title).toBe('🔴 CRITICAL prod-eu/payments KubePodCrashLooping #1');
  expect(last()?.message.text).toContain('**open again**: Ann released it');
});

test('a second person is told who has the alert and joins; they own it when the owner releases it', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1');
  expect((await bot.say('ack 1', { by: '@bob:test' }))[0]).toMatch(
    /^Ann has had #1 since (?:\w{3} )?\d\d:\d\d UTC; you joined\.$/,
  );
  expect(bot.texts()[0]).toContain('with Bob');
  const answers = await bot.say('unack 1');
  expect(answers).toContain('You released #1; Bob has it now.');
  expect(bot.texts()[0]).toContain('ACKED by Bob');
});

test('a second ack by the owner says since when, and ack of an ended alert that it has ended', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1');
  expect((await bot.say('ack 1'))[0]).toMatch(/^You have had #1 since/);
  await post(bot, { pod: 'a', status: 'resolved' });
  expect((await bot.say('ack 1'))[0]).toMatch(/^#1 is already resolved \(.*\); there is nothing to acknowledge\.$/);
  expect(await bot.say('ack 77')).toEqual(['There is no alert #77 here. `alerts` lists the open ones.']);
});

test('a new episode needs a new acknowledgement', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1');
  await post(bot, { pod: 'a', status: 'resolved' });
  await post(bot, { pod: 'a' });
  expect(last()?.message.title).toContain('🔴 CRITICAL');
});

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

test('a new start reopens a closed alert though it is before the close; one that differs as between two servers does not', async () => {
  const began = bot.app.clock.now().getTime() - 10 * MINUTE_MS;
  await post(bot, { pod: 'a', startsAt: new Date(began) });
  await bot.say('close 1 known');
  await post(bot, { pod: 'a', startsAt: new Date(began + 12_000) });
  expect(await bot.say('alerts')).toEqual(['No open alerts here.']);
  await post(bot, { pod: 'a', startsAt: new Date(began + 5 * MINUTE_MS) });
  expect((await bot.say('alerts'))[0]).toContain('🔴 CRITICAL');
});

test('close takes an alert off the list until it fires again; resolve explains close', async () => {
  await post(bot, { pod: 'a' });
  expect((await bot.say('resolve 1'))[0]).toContain('`close 1 reason`');
  expect((await bot.say('close 1'))[0]).toContain('Add a reason');
  expect(await bot.say('close 1 known, fixed on Monday')).toEqual([
    'Closed #1 until it fires again: known, fixed on Monday',
  ]);
  expect(titles()[0]).toMatch(/^⚪ CLOSED after/);
  await post(bot, { pod: 'a', startsAt: new Date(bot.app.clock.now().getTime() - MINUTE_MS) });
  expect(await bot.say('alerts')).toEqual(['No open alerts here.']);
  await post(bot, { pod: 'a', status: 'resolved' });
  await post(bot, { pod: 'a', startsAt: bot.app.clock.now() });
  expect((await bot.say('alerts'))[0]).toContain('🔴 CRITICAL');
});

test('alert 1 shows the history of the alert', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1 on it');
  await post(bot, { pod: 'a', status: 'resolved' });
  const [text] = await bot.say('alert 1');
  expect(text).toMatch(/fired: lobby \(page\)\n.*Ann acknowledged: on it\n.*resolved/);
});

test('pending lists unacknowledged alerts', async () => {
  await post(bot, { pod: 'a' }, { pod: 'b' });
  await bot.say('ack 1');
  const [text] = await bot.say('pending');
  expect(text).toContain('#2');
  expect(text).not.toContain('#1 ');
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

test('line breaks in a note become spaces', async () => {
  await post(bot, { pod: 'a' });
  await bot.say('ack 1 on it\n🔴 CRITICAL prod-eu/payments X #999');
  expect(
    bot
      .texts()
      .join('\n')
      .split('\n')
      .filter((line) => line.startsWith('🔴')),
  ).toEqual([]);
});

test('an unlisted person with the name of a listed one acknowledges with the account id shown', async () => {
  await post(bot, { pod: 'a' });
  const sender = { accountId: '@mallory:test', name: 'ANN', bot: false, guest: false };
  const at = { room: 'lobby', direct: false, at: bot.app.clock.now() };
  bot.platform.happen({ type: 'message', id: 'm1', ...at, sender, text: '!ack 1', mentionsBot: false });
  await bot.settle();
  expect(titles()[0]).toContain('ACKED by ANN (@mallory:test)');
});

test('a typo in a number acknowledges nothing', async () => {
  await post(bot, { pod: 'a' });
  for (const slip of ['99999999999999999999', '0', '١', '-1', 'all ٧', '1 for 2hours']) {
    const [answer] = await bot.say(`ack ${slip}`);
    expect(answer).toMatch(/^"\S+" is not .*\. Say it like this: `ack/);
  }
  expect(titles()).toEqual([expect.stringContaining('🔴 CRITICAL')]);
});

test('a hundred numbers at once get a reply of a few lines', async () => {
  await post(bot, ...Array.from({ length: 10 }, (_, index) => ({ pod: `p${index}`, team: 'groups' })));
  await post(bot, { pod: 'p9', team: 'groups', status: 'resolved' });
  const all = Array.from({ length: 100 }, (_, index) => index + 1).join(' ');
  const [answer = ''] = await bot.say(`ack ${all}`);
  expect(answer.split('\n')).toHaveLength(3);
  expect(answer).toContain('There is no alert #11 #12 #13 #14 #15 #16 #17 #18 #19 #20 and 80 more here.');
  expect(answer).toContain('Ann has #1 #2 #3 #4 #5 #6 #7 #8 #9.');
  for (const command of ['unack', 'close'])
    expect((await bot.say(`${command} ${all}${command === 'close' ? ' known' : ''}`)).at(-1)?.split('\n')).toHaveLength(
      3,
    );
});

test('demo alert goes through the real webhook, and its reply says what to do', async () => {
  const answers = await bot.say('demo alert');
  expect(answers[0]).toContain('A sample alert is on its way');
  expect(titles()).toEqual(['🔴 CRITICAL prod-eu/payments KubePodCrashLooping #1']);
  await bot.advance(10 * MINUTE_MS + 100);
  expect(titles()[0]).toContain('🟢 RESOLVED');
});
