/** The web chat as its page uses it, on the real store. */
import { randomUUID } from 'node:crypto';
import type { Message } from '../../src/chat/message.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { signIn } from '../harness/web-session.ts';

const probe = defineSkill({
  name: 'probe',
  commands: {
    ping: { help: 'answers', run: () => 'pong' },
    offer: {
      help: 'shows a button',
      run: () => ({ text: 'press me', actions: [{ label: 'Ping', emoji: '👀', command: 'ping' }] }),
    },
  },
});

const CONFIG = {
  connectors: { memory: {}, web: {} },
  rooms: { lobby: { in: { memory: 'lobby' } }, board: { in: { web: 'board' } } },
};

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

async function shown(): Promise<{ id: string; text: string }[]> {
  const rows = await bot.query<{ id: string; content: string }>(
    `select id, content from messages where connector = 'web' order by position`,
  );
  return rows.map(({ id, content }) => ({ id, text: (JSON.parse(content) as Message).text ?? '' }));
}

test('a line and a press count once, however often and however close together the page sends them', async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await Promise.all([send('lines', line), send('lines', line)])).toEqual([200, 200]);
  expect(await send('lines', line)).toBe(200);
  expect(await bot.query('select text from web_lines')).toEqual([{ text: 'offer' }]);
  const [button, ...others] = await shown();
  expect([button?.text, others]).toEqual(['press me', []]);

  const press = { id: randomUUID(), message: button?.id, command: 'ping' };
  expect(await Promise.all([send('presses', press), send('presses', press)])).toEqual([200, 200]);
  expect(await send('presses', press)).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'pong']);
});

test('what names a message that cannot be one is a line like any other', async () => {
  expect(await send('lines', { id: randomUUID(), text: 'ping', replyTo: 'no id' })).toBe(200);
  expect(await send('lines', { id: randomUUID(), text: 'ping', replyTo: '-'.repeat(36) })).toBe(200);
  expect(await send('presses', { id: randomUUID(), message: '-'.repeat(36), command: 'ping' })).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['pong', 'pong']);
  expect(await bot.query(`select message from errors`)).toEqual([]);
});

test('an id in capitals is the same id', async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await send('lines', line)).toBe(200);
  expect(await send('lines', { ...line, id: line.id.toUpperCase() })).toBe(200);
  const [button, ...others] = await shown();
  expect([button?.text, others]).toEqual(['press me', []]);

  const press = { id: randomUUID(), message: button?.id.toUpperCase(), command: 'ping' };
  expect(await send('presses', press)).toBe(200);
  expect(await send('presses', { ...press, id: press.id.toUpperCase() })).toBe(200);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me', 'pong']);
});

test("a line under the id of the bot's message is refused, and so is another text under the id of a line", async () => {
  const line = { id: randomUUID(), text: 'offer' };
  expect(await send('lines', line)).toBe(200);
  const [button] = await shown();
  for (const id of [button?.id, button?.id.toUpperCase(), line.id])
    expect(await send('lines', { id, text: 'ping' })).toBe(409);
  expect(await bot.query('select text from web_lines')).toEqual([{ text: 'offer' }]);
  expect((await shown()).map(({ text }) => text)).toEqual(['press me']);
});

test('a session of one replica is good in another, and over in both when it is ended', async () => {
  await using other = await startTestBot({ skills: [probe], config: CONFIG, sharedWith: bot });
  expect(await send('lines', { id: randomUUID(), text: 'ping' }, other.app)).toBe(200);
  const signedOut = await fetch(`http://127.0.0.1:${bot.app.port}/logout`, {
    ...{ method: 'POST', headers: { cookie }, redirect: 'manual' as const },
  });
  expect(signedOut.status).toBe(303);
  for (const app of [bot.app, other.app])
    expect(await send('lines', { id: randomUUID(), text: 'ping' }, app)).toBe(401);
});
