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
const idOf = (text: string, room?: string): string =>
  messages(room).findLast((one) => one.message.title?.includes(text))?.id ?? '';
/** Titles of current messages, without older copies that now point to a newer one. */
const titles = (room?: string): string[] => messages(room).flatMap((one) => one.message.title ?? []);

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

test('pending lists unacknowledged alerts', async () => {
  await post(bot, { pod: 'a' }, { pod: 'b' });
  await bot.say('ack 1');
  const [text] = await bot.say('pending');
  expect(text).toContain('#2');
  expect(text).not.toContain('#1 ');
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
    expect(answer).toMatch(/^"\S+" is not .*\. Usage: `ack/);
  }
  expect(titles()).toEqual([expect.stringContaining('🔴 CRITICAL')]);
});

test('a hundred numbers at once get a reply of a few lines', async () => {
  await post(bot, ...Array.from({ length: 10 }, (_, index) => ({ pod: `p${index}`, team: 'groups' })));
  await post(bot, { pod: 'p9', team: 'groups', status: 'resolved' });
  const all = Array.from({ length: 100 }, (_, index) => index + 1).join(' ');
  const [answer = ''] = await bot.say(`ack ${all}`);
  expect(answer.split('\n')).toHaveLength(3);
  expect(answer).toContain('There are no alerts #11 #12 #13 #14 #15 #16 #17 #18 #19 #20 and 80 more here.');
  expect(answer).toContain('Ann has #1 #2 #3 #4 #5 #6 #7 #8 #9.');
  for (const command of ['unack', 'close'])
    expect((await bot.say(`${command} ${all}${command === 'close' ? ' known' : ''}`)).at(-1)?.split('\n')).toHaveLength(
      3,
    );
});
