// Which alerts a command reaches in which room.
import { randomUUID } from 'node:crypto';
import type { TestBot } from '../../src/testing/index.ts';
import { OPTIONS, post, startAlertsBot } from './test-bot.ts';

const BOB = { by: '@bob:test' };
const NONE = (number: number): string => `There is no alert #${number} here. \`alerts\` lists the open ones.`;
const DIRECT = { direct: true, room: 'dm' };

let bot: TestBot;
beforeEach(async () => {
  const matched = [
    { matchers: ['team="annex"'], rooms: ['annex'] },
    { matchers: ['team="vault"'], rooms: ['vault'], show: 'group' },
  ];
  bot = await startAlertsBot(
    { route: { ...OPTIONS.route, routes: [...matched, ...OPTIONS.route.routes] } },
    {
      rooms: {
        lobby: { in: { memory: 'lobby' } },
        annex: { in: { memory: 'annex' }, failover: 'lobby' },
        vault: { in: { memory: 'vault' } },
      },
      access: [
        { allow: ['ann'], commands: ['*'] },
        { deny: ['everyone'], commands: ['skill:alerts'], in: ['vault'], reason: 'it is a vault' },
      ],
    },
  );
  await post(bot, { pod: 'a' });
  await post(bot, { pod: 'b', team: 'annex' });
  await post(bot, { pod: 'c', team: 'vault' });
});
afterEach(() => bot.stop());

const title = (room: string): string | undefined =>
  bot.messages(room).findLast((one) => one.message.title !== undefined)?.message.title;
const OPEN = [
  expect.stringContaining('🔴 CRITICAL'),
  expect.stringContaining('🔴 CRITICAL'),
  expect.stringContaining('🔴 CRITICAL'),
];
const shown = () => ['lobby', 'annex', 'vault'].map((room) => title(room));

test('a command in a room reaches only the alerts that are shown there', async () => {
  const elsewhere = [
    ['lobby', 2],
    ['lobby', 3],
    ['annex', 1],
  ] as const;
  for (const command of ['alert', 'ack', 'acknowledge', 'unack', 'close']) {
    const rest = command === 'close' ? ' known' : '';
    for (const [room, number] of elsewhere)
      expect(await bot.say(`${command} ${number}${rest}`, { room })).toEqual([NONE(number)]);
    // The same reply as for a number that does not exist, so that it reveals nothing.
    expect(await bot.say(`${command} 77${rest}`)).toEqual([NONE(77)]);
    expect(await bot.say(`${command} 2${rest}`, { room: 'annex' })).not.toContain(NONE(2));
  }
});

test('of several numbers, those shown here are acknowledged', async () => {
  const [answer = ''] = await bot.say('ack 1 2 3');
  expect(answer.split('\n')).toEqual([expect.stringMatching(/^Ann has #1 /), NONE(2), NONE(3)]);
  expect(shown()).toEqual([expect.stringContaining('ACKED by Ann'), ...OPEN.slice(1)]);
});

test('lists and commands without a number apply to the room', async () => {
  for (const list of ['alerts', 'pending']) {
    const [text] = await bot.say(list, { room: 'annex' });
    expect(text).toContain('#2');
    expect(text).not.toMatch(/#1|#3/);
  }
  expect((await bot.say('alerts'))[0]).toContain('2 alerts in other rooms');
  expect(await bot.say('ack', { room: 'annex' })).toEqual(['Ann has #2.']);
  expect((await bot.say('ack all'))[0]).toMatch(/^Acknowledge 1 alert\?/);
  expect(await bot.say('unack')).toEqual([expect.stringMatching(/^Which one\?/)]);
});

test('a reply or a tap on a message of another room has no effect here', async () => {
  const other = bot.messages('annex')[0]?.id ?? '';
  await bot.tap(other, '👀');
  const at = { room: 'lobby', direct: false, at: bot.app.clock.now() };
  const sender = { accountId: '@ann:test', name: 'Ann', bot: false, guest: false };
  bot.platform.happen({
    type: 'message',
    id: randomUUID(),
    ...at,
    sender,
    text: '!close known',
    mentionsBot: false,
    replyTo: other,
  });
  await bot.settle();
  expect(shown()).toEqual(OPEN);
  await bot.tap(other, '👀', { room: 'annex' });
  expect(title('annex')).toContain('ACKED by Ann');
});

test('in a direct message a listed person reaches the alerts of rooms in which they may say the command', async () => {
  expect((await bot.say('alerts', DIRECT))[0]).toMatch(/#1 .*\n.*#2 .*\n.*#3 /);
  const [bobs] = await bot.say('alerts', { ...DIRECT, ...BOB });
  expect(bobs).toMatch(/#1 .*\n.*#2 /);
  expect(bobs).not.toContain('#3');
  for (const command of ['alert 3', 'ack 3', 'unack 3', 'close 3 known'])
    expect(await bot.say(command, { ...DIRECT, ...BOB })).toEqual([NONE(3)]);
  expect(await bot.say('ack 2', { ...DIRECT, ...BOB })).toEqual(['Bob has #2.']);
  expect(await bot.say('ack 3', DIRECT)).toEqual(['Ann has #3.']);
});

test('in a direct message an unlisted person reaches no alerts', async () => {
  const [answer] = await bot.say('alert 1', { ...DIRECT, by: '@eve:test' });
  expect(answer ?? '').not.toContain('KubePod');
});

test('no room is told about alerts that it does not show', async () => {
  await bot.say('ack 1 2 3', DIRECT);
  expect(bot.texts('lobby').at(-1)).toBe('Ann has #1 · `unack 1`');
  expect(bot.texts('annex').at(-1)).toBe('Ann has #2 · `unack 2`');
  expect(bot.texts('vault').at(-1)).toBe('Ann has #3 · `unack 3`');
});

test('the new number of an alert is given only where it is shown', async () => {
  await post(bot, { pod: 'b', team: 'annex', status: 'resolved' });
  await bot.advance(25 * 60 * 60_000);
  await post(bot, { pod: 'b', team: 'annex', startsAt: bot.app.clock.now() });
  expect(await bot.say('ack 2', { room: 'annex' })).toEqual(['#2 has ended; it fired again as #4.']);
  expect(await bot.say('ack 2')).toEqual([NONE(2)]);
});

test('a failover room reaches the alerts that could not be shown in the original room', async () => {
  expect(await bot.say('ack 2')).toEqual([NONE(2)]);
  await bot.query(`update messages set state = 'dead' where room = 'annex' and key = 'alert:2'`);
  expect(await bot.say('ack 2')).toContain('Ann has #2.');
});

test('a reply to an alert in the failover room acknowledges that alert', async () => {
  bot.platform.before = (operation) => {
    if (operation.room === 'annex') throw Object.assign(new Error('refused'), { code: 'WB_REJECTED', reason: 'away' });
  };
  await post(bot, { pod: 'd', team: 'annex' });
  const carried = bot.messages('lobby').at(-1);
  expect(carried?.message.title).toContain('#4');
  expect(await bot.say('ack', { replyTo: carried?.id ?? '' })).toEqual(expect.arrayContaining(['Ann has #4.']));
  expect(await bot.query('select number from alerts where ack is not null')).toEqual([{ number: 4 }]);
});

test('an alert whose rooms are no longer configured is reached where its message goes', async () => {
  await bot.query(`update alerts set places = replace(places::text, 'annex', 'gone')::jsonb`);
  expect(await bot.say('ack 2', { room: 'annex' })).toEqual([NONE(2)]);
  expect((await bot.say('alerts'))[0]).toContain('#2');
  expect(await bot.say('ack 2')).toContain('Ann has #2.');
});
