import { join } from 'node:path';
import { Rejected, RateLimited } from '../../src/connectors/connector.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { inRealTime } from '../../test/harness/standstill.ts';
import countdown from './index.ts';

let bot: TestBot;
afterEach(() => bot.stop());

async function start(options: object = {}, sharedWith?: TestBot, still = true): Promise<TestBot> {
  bot = await startTestBot({
    still,
    skills: [countdown],
    options: { countdown: options },
    migrations: { countdown: join(import.meta.dirname, 'migrations') },
    config: {
      rooms: { lobby: { in: { memory: 'lobby' } }, annex: { in: { memory: 'annex' } } },
      people: { ann: { name: 'Ann', accounts: { memory: '@ann:test' } } },
    },
    ...(sharedWith && { sharedWith }),
  });
  return bot;
}

/** Resolves to the room's texts once the last one matches. */
async function until(last: RegExp, room = 'lobby', withinMs = 15_000): Promise<string[]> {
  for (const end = performance.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const texts = bot.texts(room);
    if (last.test(texts.at(-1) ?? '')) return texts;
    if (performance.now() > end) throw new Error(`no ${last} within ${withinMs} ms: ${texts.join(' | ')}`);
  }
}
/** Advances the clock second by second. */
async function pass(seconds: number): Promise<void> {
  for (let nth = 0; nth < seconds; nth++) await bot.advance(1000);
}
/** Lets time pass on a rate-limited platform, where something is always waiting, until the room's last text matches. */
async function flow(last: RegExp, room = 'lobby', withinMs = 45_000): Promise<string[]> {
  for (const end = performance.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const texts = bot.texts(room);
    if (last.test(texts.at(-1) ?? '')) return texts;
    if (performance.now() > end) throw new Error(`no ${last} within ${withinMs} ms: ${texts.join(' | ')}`);
    bot.pass(100);
  }
}
/** Resolves when the count has ended. */
async function over(withinMs = 15_000): Promise<void> {
  for (const end = performance.now() + withinMs; (await bot.query('select 1 from countdowns')).length > 0;) {
    if (performance.now() > end) throw new Error('the count has not ended');
    await bot.advance(250);
  }
}
/** A test in real time. */
const timed = (name: string, body: () => Promise<void>): void =>
  test(name, () => inRealTime(body, () => bot.stop()), 180_000);
const metrics = (): Promise<string> => bot.app.metrics.registry.metrics();
const commands = (command: string, result: string, count: number): string =>
  `watchbell_commands_total{skill="countdown",command="${command}",result="${result}"} ${count}`;
const numberIn = (text: string): number => Number(/^(?:…back at )?(\d+)/.exec(text)?.[1]);
const rises = (texts: readonly string[]): boolean =>
  texts.map(numberIn).every((number, index, all) => index === 0 || number > (all[index - 1] ?? Number.NaN));

test('anything but an integer from 1 to 9999 in plain digits is rejected with the valid format', async () => {
  await start();
  const said = ['0', '10000', '-1', '1.5', '1e3', '0x10', '٣', '007', 'ten', '3 4'];
  for (const n of said)
    expect({ n, answers: await bot.say(`count to ${n}`) }).toEqual({
      n,
      answers: ['I count to a whole number from 1 to 9999, in plain digits.'],
    });
  expect((await bot.say('count to'))[0]).toContain('Usage: `count to N`');
  expect((await bot.say('count down from 0'))[0]).toContain('I count down from a whole number');
  expect(await metrics()).toContain(commands('count to', 'invalid', said.length + 1));
  expect(await metrics()).toContain(commands('count down from', 'invalid', 1));
  expect(await metrics()).toContain('watchbell_countdown_length_count 0');
  expect(await bot.query('select 1 from countdowns')).toEqual([]);
});

timed('numbers come one a second, on the second, up or down, in several rooms, and notify nobody', async () => {
  await start({}, undefined, false);
  const at = new Map<string, number>();
  bot.platform.before = (operation) => {
    if (operation.type === 'send')
      at.set(`${operation.room} ${bot.platform.shown(operation.room).length}`, bot.app.clock.now().getTime());
  };
  await bot.say('count to 3');
  await bot.say('count down from 4.', { room: 'annex' });
  const begun = await bot.query<{ room: string; started_at: Date }>('select room, started_at from countdowns');
  expect(await until(/^1$/, 'annex')).toEqual(['4', '3', '2', '1']);
  expect(bot.texts()).toEqual(['1', '2', '3']);
  for (const { room, started_at: startedAt } of begun)
    for (let k = 1; k <= (room === 'lobby' ? 3 : 4); k++) {
      const lateMs = (at.get(`${room} ${k - 1}`) ?? Number.NaN) - startedAt.getTime() - k * 1000;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(500);
    }
  expect(bot.messages().every(({ message }) => message.notice)).toBe(true);
  expect(await metrics()).toContain('watchbell_countdown_length_bucket{le="10"} 2');
  expect(await metrics()).toContain(commands('count to', 'ok', 1));
  await over();
  await bot.say('count to 1');
  await over();
  expect(bot.texts()).toEqual(['1', '2', '3', '1']);
});

test('a count longer than one batch continues without a gap', async () => {
  await start();
  await bot.say('count to 13');
  await pass(13);
  expect(bot.texts()).toEqual(Array.from({ length: 13 }, (_, index) => String(index + 1)));
  expect(bot.messages().every(({ edits }) => edits === 0)).toBe(true);
});

test('a room has one count at a time, and says how far it is', async () => {
  await start();
  await bot.say('count to 50');
  expect(await bot.say('count to 5')).toEqual(['Busy with the count to 50, about to start. Say `stop` first.']);
  await pass(2);
  expect((await bot.say('count down from 5')).at(-1)).toBe('Busy with the count to 50, at 2. Say `stop` first.');
  expect(await metrics()).toContain(commands('count down from', 'wrong', 1));
  expect(await metrics()).toContain('watchbell_countdown_length_count 1');
});

test('stop reports where it stopped, and no number follows', async () => {
  await start();
  expect(await bot.say('stop')).toEqual(['No count is running here.']);
  expect(await metrics()).toContain(commands('stop', 'wrong', 1));
  await bot.say('count to 50');
  await pass(2);
  await bot.say('stop');
  expect(bot.texts()).toEqual(['No count is running here.', '1', '2', 'Stopped at 2.']);
  await bot.advance(1000);
  expect(await bot.query(`select 1 from messages where pending`)).toEqual([]);
  expect(await bot.query('select 1 from timers')).toEqual([]);
  expect(bot.texts().at(-1)).toBe('Stopped at 2.');
  expect(await metrics()).toContain(commands('stop', 'cancelled', 1));
  await bot.say('count to 9');
  expect((await bot.say('stop')).at(-1)).toBe('Stopped the count to 9.');
});

test('everyone can stop their own count; only listed people can stop those of others', async () => {
  await start();
  await bot.say('count to 50', { by: '@bob:test' });
  expect(await bot.say('stop', { by: '@eve:test' })).toEqual([
    'somebody started this count. Ask someone who is allowed to use `stop countdown`.',
  ]);
  expect((await bot.say('stop countdown', { by: '@eve:test' }))[0]).toMatch(/^Not allowed: /);
  expect((await bot.say('stop', { by: '@ann:test' })).at(-1)).toMatch(/^Stopped/);
  await bot.say('count to 50', { by: '@bob:test' });
  expect((await bot.say('stop', { by: '@bob:test' })).at(-1)).toMatch(/^Stopped/);
  await bot.say('count to 50', { by: '@bob:test' });
  expect((await bot.say('stop countdown', { by: '@ann:test' })).at(-1)).toMatch(/^Stopped/);
});

test('`countdowns` lists the counts in configured rooms and here, with their ends', async () => {
  await start();
  expect(await bot.say('countdowns')).toEqual(['No count is running. Say `count to 10`.']);
  await bot.say('count to 500', { room: 'annex' });
  await bot.say('count down from 600', { room: 'dm', direct: true });
  const [answer] = await bot.say('countdowns');
  expect(answer).toMatch(
    /^\*\*annex\*\*: the count to 500, (about to start|at \d), ends (?:\w{3} )?\d\d:\d\d UTC, started by Ann$/,
  );
  expect((await bot.say('countdowns', { room: 'dm', direct: true })).at(-1)).toContain(
    '**here**: the count down from 600',
  );
});

test('after downtime it continues at the number that matches the clock, says so once, and repeats nothing', async () => {
  await start();
  await bot.say('count to 200');
  await pass(2);
  await bot.advance(30_000);
  await pass(1);
  const [back] = (await until(/^…back at \d+$/)).slice(-1);
  const [row] = await bot.query<{ k: number }>(
    'select extract(epoch from $1::timestamptz - started_at)::float8 as k from countdowns',
    [bot.app.clock.now()],
  );
  expect(Math.abs(numberIn(back ?? '') - (row?.k ?? 0))).toBeLessThan(1.5);
  await pass(3);
  const texts = await until(new RegExp(`^${numberIn(back ?? '') + 3}$`));
  expect(rises(texts)).toBe(true);
  expect(texts.filter((text) => text.startsWith('…'))).toHaveLength(1);
  // Missed numbers do not arrive in a burst.
  expect(texts.indexOf(back ?? '')).toBeLessThanOrEqual(4);
});

test('a replica that takes over continues at the number that matches the clock', async () => {
  const first = await start({}, undefined, false);
  await first.say('count to 100');
  await until(/^1$/);
  await first.leave();
  const second = await start({}, first, false);
  await second.advance(20_000);
  const texts = await until(/^…back at 2\d$/);
  expect(rises(texts)).toBe(true);
  await second.leave();
  bot = first;
});

test('a count that ended during downtime says so, once', async () => {
  await start();
  await bot.say('count to 12');
  await pass(1);
  await bot.advance(600_000);
  const texts = await until(/^the count to 12 ended at (?:\w{3} )?\d\d:\d\d UTC; I was offline\.$/);
  await over();
  await bot.advance(60_000);
  expect(bot.texts()).toEqual(texts);
  expect(await bot.say('stop')).toEqual(['No count is running here.']);
});

test('a number lost just before the end is reported, even if that becomes known after the end', async () => {
  await start();
  await bot.say('count to 2');
  await bot.query(`delete from messages where key like '%:1' and sends = 0`);
  await bot.query(
    `insert into messages (id, connector, room, skill, key, queue, content, state) select gen_random_uuid(), connector, room, skill, replace(key, ':2', ':1'), 1, '{}', 'dropped' from messages where key like '%:2'`,
  );
  await over();
  await bot.settle();
  expect(bot.texts()).toEqual(['2', expect.stringMatching(/^the count to 2 ended at .*; I was offline\.$/)]);
});

/** From now on the platform allows one message every `everyMs`. */
function slowDown(everyMs: number): void {
  let freeAt = 0;
  bot.platform.before = ({ room }) => {
    const nowMs = bot.app.clock.now().getTime();
    if (nowMs < freeAt) throw new RateLimited(`room:${room}`, freeAt - nowMs);
    freeAt = nowMs + everyMs;
  };
}

test('a sender whose name is cut in the middle of an emoji can start a count', async () => {
  await start();
  bot.platform.happen({
    ...{ type: 'message', id: 'one', room: 'lobby', direct: false, text: '!count to 1', mentionsBot: false },
    sender: { accountId: '@eve:test', name: '😀'.repeat(200).slice(0, 255), bot: false, guest: false },
    at: bot.app.clock.now(),
  });
  await bot.settle();
  await pass(2);
  await until(/^1$/);
});

timed('in a rate-limited room it says so, and continues in steps', async () => {
  await start({}, undefined, false);
  await bot.say('count to 200');
  await until(/^2$/);
  slowDown(2500);
  const [word = ''] = (await until(/now in steps/)).slice(-1);
  expect(word).toMatch(/^\d+, now in steps of 5: this room allows one message every [12](\.\d)? s$/);
  expect(numberIn(word) % 5).toBe(0);
  const texts = await until(new RegExp(`^${numberIn(word) + 5}$`));
  expect(rises(texts)).toBe(true);
  expect(texts.at(-2)).toBe(word);
});

test('with `slow: edit` it continues in one message', async () => {
  await start({ slow: 'edit' });
  await bot.say('count to 14');
  await pass(2);
  slowDown(2500);
  await flow(/^\d+, edited every \d+ s: this room is rate-limited$/);
  const before = bot.messages().length;
  await flow(/^14$/, 'lobby', 20_000);
  expect(bot.messages()).toHaveLength(before);
  await over();
});

test('with `slow: stop` it stops, and says why', async () => {
  await start({ slow: 'stop' });
  await bot.say('count to 50');
  await pass(2);
  slowDown(2500);
  await flow(/^I stop the count to 50: this room allows one message every [\d.]+ s\.$/);
  await over();
});

test('in a room that rejects the bot it ends, instead of leaving a dead letter every second', async () => {
  await start();
  await bot.say('count to 50');
  await pass(1);
  bot.platform.before = (operation) => {
    if (operation.type === 'send') throw new Rejected('I am not in the room');
  };
  await over();
  await bot.settle();
  expect(await bot.query(`select 1 from messages where pending`)).toEqual([]);
  expect(await bot.query(`select 1 from messages where state = 'dead' and skill = 'countdown'`)).toHaveLength(1);
});

test('`rooms` and `max` apply, and an unknown room is a problem', async () => {
  await start({ rooms: ['annex'], max: 20 });
  expect(await bot.say('count to 3')).toEqual(['`countdown` does not listen in this room, only in annex.']);
  expect((await bot.say('count to 21', { room: 'annex' }))[0]).toContain('from 1 to 20');
  expect(await bot.say('countdowns')).toEqual(['`countdown` does not listen in this room, only in annex.']);
  const options = countdown.options?.parse({ rooms: ['annex', 'attic'] }) ?? { slow: 'steps', max: 1 };
  const names = { rooms: ['annex'], people: [], groups: [], schedules: [], timeIntervals: [] };
  expect(countdown.check?.(options, names)).toEqual([
    { path: ['rooms', 1], message: 'there is no room called "attic"' },
  ]);
  for (const wrong of [{ max: 10_000 }, { max: 0 }, { rooms: [] }, { slow: 'never' }, { rums: [] }])
    expect(countdown.options?.safeParse(wrong).success).toBe(false);
});
