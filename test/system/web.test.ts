/** The web chat as used by its page, on the real store. */
import { randomUUID } from 'node:crypto';
import type { Message } from '../../src/chat/message.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { signIn } from '../harness/web-session.ts';

const PING = { label: 'Ping', emoji: '👀', command: 'ping' };
const QUIET = { label: 'Quiet', emoji: '🤫', command: 'quiet' };
let pings = 0;
const pong = (): string => {
  pings++;
  return 'pong';
};
const probe = defineSkill({
  name: 'probe',
  commands: {
    ping: { help: 'answers', run: pong },
    'ping again': { help: 'answers', run: pong },
    quiet: { help: 'says nothing', run: () => {} },
    'tap me': {
      help: 'can be tapped on',
      run: () => ({ text: 'tap', actions: [{ ...PING, undo: 'undo tap' }] }),
    },
    'undo tap': { help: 'is said by a tap taken back', run: () => 'taken back' },
    'button {room}': {
      help: 'adds a button',
      run: ({ post }) => post('board', 'state', { text: 'with a button', actions: [PING] }),
    },
    'board {text}': { help: 'shows it', run: ({ post, args }) => post('board', 'state', String(args.text)) },
    'ring {text}': {
      help: 'shows it, and rings',
      run: ({ post, args }) => post('board', 'state', String(args.text), { ring: true }),
    },
    wipe: { help: 'takes it away', run: ({ remove }) => remove('board', 'state') },
    later: {
      help: 'shows something in a minute',
      run: ({ say, now }) => say('board', 'in a minute', { notBefore: new Date(now.getTime() + 60_000) }),
    },
    offer: {
      help: 'shows a button',
      run: () => ({ text: 'press me', actions: [PING, { label: 'Again', emoji: '🔁', command: 'ping again' }, QUIET] }),
    },
  },
});

const CONFIG = {
  connectors: { memory: {}, web: {} },
  rooms: { lobby: { in: { memory: 'lobby' } }, board: { in: { web: 'board' } } },
};

const OUT_OF_DATE = 'That button is out of date; use the newest message.';

let bot: TestBot;
let cookie: string;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [probe],
    config: CONFIG,
  });
  cookie = await signIn(`http://127.0.0.1:${bot.app.port}`, await bot.app.createSignIn());
});
afterEach(() => bot.stop());

async function send(what: 'lines' | 'presses', body: object, app = bot.app): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${app.port}/web/rooms/board/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie },
    body: JSON.stringify(body),
  });
  await bot.settle();
  return answer.status;
}

interface Line {
  readonly id: string;
  readonly text: string;
  readonly press: { readonly message: string; readonly version: number };
}

/** The lines of the bot on the page. */
async function shown(): Promise<Line[]> {
  const rows = await bot.query<{ id: string; body: string }>(
    `select id, body from web_messages where connector = 'web' and not deleted order by position`,
  );
  return rows.map(({ id, body }) => {
    const { message, press } = JSON.parse(body) as { message: Message; press: Line['press'] };
    return { id, text: message.text ?? '', press };
  });
}

test('a line and a press are accepted once, however often and fast the page sends them', async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await Promise.all([send('lines', line), send('lines', line)])).toEqual([200, 200]);
  expect(await send('lines', line)).toBe(200);
  expect(await bot.query('select text from web_lines')).toEqual([{ text: 'offer' }]);
  const [button, ...others] = await shown();
  expect([button?.text, others]).toEqual(['press me', []]);

  const press = { id: randomUUID(), ...button?.press, index: 0 };
  expect(await Promise.all([send('presses', press), send('presses', press)])).toEqual([200, 200]);
  expect(await send('presses', press)).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'pong']);
});

test('a reply to an impossible id is a normal line', async () => {
  expect(await send('lines', { id: randomUUID(), text: 'ping', replyTo: 'no id' })).toBe(200);
  expect(await send('lines', { id: randomUUID(), text: 'ping', replyTo: '-'.repeat(36) })).toBe(200);
  expect(await send('presses', { id: randomUUID(), message: '-'.repeat(36), version: 1, index: 0 })).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['pong', 'pong', OUT_OF_DATE]);
  expect(await bot.query(`select message from errors`)).toEqual([]);
});

test('an upper-case id is the same id', async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await send('lines', line)).toBe(200);
  expect(await send('lines', { ...line, id: line.id.toUpperCase() })).toBe(200);
  const [button, ...others] = await shown();
  expect([button?.text, others]).toEqual(['press me', []]);

  const press = { id: randomUUID(), message: button?.press.message.toUpperCase(), version: 1, index: 0 };
  expect(await send('presses', press)).toBe(200);
  expect(await send('presses', { ...press, id: press.id.toUpperCase() })).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'pong']);
});

test('a line with the id of a message of the bot is rejected, and so is another text with the id of a line', async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await send('lines', line)).toBe(200);
  const [button] = await shown();
  for (const id of [button?.id, button?.id.toUpperCase(), line.id])
    expect(await send('lines', { id, text: 'ping' })).toBe(409);
  expect(await bot.query('select text from web_lines')).toEqual([{ text: 'offer' }]);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me']);
});

test('a session of one replica is valid on another, and ended on both', async () => {
  await using other = await startTestBot({ skills: [probe], config: CONFIG, sharedWith: bot });
  expect(await send('lines', { id: randomUUID(), text: 'ping' }, other.app)).toBe(200);
  const signedOut = await fetch(`http://127.0.0.1:${bot.app.port}/logout`, {
    ...{ method: 'POST', headers: { cookie }, redirect: 'manual' as const },
  });
  expect(signedOut.status).toBe(303);
  for (const app of [bot.app, other.app])
    expect(await send('lines', { id: randomUUID(), text: 'ping' }, app)).toBe(401);
});

test('the same press within a minute runs once, even with another id; another button in between makes it run again', async () => {
  await send('lines', { id: randomUUID(), text: 'offer' });
  const [button] = await shown();
  const press = (index: number) => send('presses', { id: randomUUID(), ...button?.press, index });
  pings = 0;
  await press(0);
  await press(0);
  expect(pings).toBe(1);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'pong', 'pong']);
  await press(1);
  await press(0);
  expect(pings).toBe(3);
  await bot.advance(60_000);
  await press(0);
  expect(pings).toBe(4);
});

test('a press is answered even if its command returns nothing', async () => {
  await send('lines', { id: randomUUID(), text: 'offer' });
  const [button] = await shown();
  await send('presses', { id: randomUUID(), ...button?.press, index: 2 });
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'Done.']);
  expect(await bot.query(`select visible_to from web_messages order by position`)).toEqual([
    { visible_to: null },
    { visible_to: 'local' },
  ]);
});

test('events accepted but not handled by the previous build are handled: a removed reaction, and a press', async () => {
  await bot.say('tap me');
  const [message] = bot.messages();
  const sender = { accountId: '@ann:test', name: 'Ann', bot: false, guest: false };
  const wait = (source: string, kind: string, payload: object) =>
    bot.query(
      `insert into events (source, source_id, lane, kind, payload, happened_at) values ($1, gen_random_uuid(), 'l', $2, $3, now())`,
      [
        source,
        kind,
        JSON.stringify({ id: randomUUID(), type: kind, direct: false, sender, at: new Date(), ...payload }),
      ],
    );
  await wait('memory', 'unreaction', { room: 'lobby', target: message?.id, emoji: '👀' });
  await wait('web', 'press', { room: 'board', target: randomUUID(), command: 'ping' });
  await bot.settle();
  expect(bot.texts().at(-1)).toBe('taken back');
  expect((await shown()).map(({ text }) => text)).toEqual(['pong']);
});

test('a press on a button that is no longer offered does nothing, and reports it', async () => {
  await bot.say('board one');
  await bot.say('button board');
  const [old] = await shown();
  await bot.say('board two');
  expect(await send('presses', { id: randomUUID(), ...old?.press, index: 0 })).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['two', OUT_OF_DATE]);
});

test('readers of each replica see new, changed and deleted messages, and a ringing change at the end', async () => {
  await using other = await startTestBot({ skills: [probe], config: CONFIG, sharedWith: bot });
  const texts = async (app: TestBot['app']): Promise<string[]> => {
    const answer = await fetch(`http://127.0.0.1:${app.port}/web/rooms/board/lines?before=1000000`, {
      headers: { cookie },
    });
    const { lines } = (await answer.json()) as { lines: { author: string; message: Message; deleted?: boolean }[] };
    return lines.flatMap(({ author, message, deleted }) => (author === 'bot' && !deleted ? [message.text ?? ''] : []));
  };
  await bot.say('board one');
  expect([await texts(bot.app), await texts(other.app)]).toEqual([['one'], ['one']]);
  await bot.say('board two');
  expect(await texts(other.app)).toEqual(['two']);
  await bot.say('ring three');
  expect(await texts(other.app)).toEqual(['_continued below_ ⤵', 'three']);
  await bot.say('wipe');
  expect(await texts(other.app)).toEqual([]);
});

test('a scheduled message is not on the page before its time, and appears below later lines', async () => {
  await bot.say('later');
  expect(await shown()).toEqual([]);
  await send('lines', { id: randomUUID(), text: 'ping' });
  await bot.advance(60_000);
  expect((await shown()).map(({ text }) => text)).toEqual(['pong', 'in a minute']);
});

test('a page gets changes at once, without waiting for the next poll', async () => {
  const stream = await fetch(`http://127.0.0.1:${bot.app.port}/web/rooms/board/stream`, { headers: { cookie } });
  const reader = stream.body?.getReader();
  let seen = '';
  const began = performance.now();
  for (let n = 0; n < 5; n++) {
    await bot.say(`board text-${n}`);
    while (!seen.includes(`text-${n}`)) seen += new TextDecoder().decode((await reader?.read())?.value);
  }
  // One after another, so that polling alone would take 5 s.
  expect(performance.now() - began).toBeLessThan(3500);
  await reader?.cancel();
});
