/** The web chat as its page uses it, on the real store. */
import { randomUUID } from 'node:crypto';
import type { Message } from '../../src/chat/message.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

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

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [probe],
    config: {
      connectors: { memory: {}, web: {} },
      rooms: { lobby: { in: { memory: 'lobby' } }, board: { in: { web: 'board' } } },
    },
  });
});
afterEach(() => bot.stop());

async function send(what: 'lines' | 'presses', body: object): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${bot.app.port}/web/rooms/board/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
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
