import { randomUUID } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { createClock } from '../clock.ts';
import { createAccept } from '../connections/accept-routes.ts';
import type { Connector } from '../connectors/connector.ts';
import { create } from '../connectors/web/index.ts';
import { until } from '../http/testing-server.ts';
import { createWebChat, type StoredWebChat } from './chat-store.ts';
import { MAX_BYTES, type WebLine, type WebReader, type WebSend } from './web-chat.ts';

let home: OpenDatabase;
let connector: Connector;
let chat: StoredWebChat;
let accepted: number;
beforeEach(async () => {
  home = await openDatabase();
  accepted = 0;
  chat = start();
  connector = create({
    name: 'web',
    pages: { query: home.database.query, changed: (room) => chat.changed(room) },
  });
});
afterEach(async () => {
  chat.close();
  await home.close();
});

/** One replica. */
function start(): StoredWebChat {
  const { database } = home;
  return createWebChat({
    ...{ database, now: () => new Date(), connector: () => 'web' },
    rooms: () => ({ all: () => [], byName: () => undefined, byAddress: () => undefined }),
    accept: createAccept({
      ...{ database, clock: createClock(), crashPoint: () => {} },
      afterCommit: { urgentAccepted: (events) => void (accepted += events.length) },
    }),
  });
}

const line = (text: string, more: Partial<WebSend> = {}): WebSend => ({
  ...{ id: randomUUID(), text, sender: { accountId: 'local', name: 'Ann', bot: false, guest: false } },
  ...more,
});

/** Sends a message of the bot, or edits it if there is a `target`. */
async function show(text: string, target?: string): Promise<string> {
  const [part] = connector.render({ text }, { ring: false });
  if (!part) throw new Error('nothing was rendered');
  const operation = { key: { uuid: randomUUID(), count: 0 }, room: 'ops', part, unknownTries: 0 };
  return connector.perform(
    target === undefined ? { type: 'send', ...operation } : { type: 'edit', ...operation, target },
    new AbortController().signal,
  );
}

class Reader implements WebReader {
  ready = true;
  readonly received: (readonly WebLine[])[] = [];
  isReady = (): boolean => this.ready;
  send = (changed: readonly WebLine[]): void => void this.received.push(changed);
  get texts(): string[] {
    return this.received.flat().map(({ message }) => message.text ?? '');
  }
}

test('a line is accepted once, and an id of another line, or of the bot, is rejected', async () => {
  const said = line('ack 12');
  expect(await Promise.all([chat.send('ops', said), chat.send('ops', said)])).toEqual(['accepted', 'accepted']);
  expect(await chat.send('ops', said)).toBe('accepted');
  const bots = await show('pods crash #12');
  for (const [room, other] of [
    ['ops', { ...said, text: 'close 12' }],
    ['random', said],
    ['ops', { ...said, sender: { ...said.sender, accountId: 'bob' } }],
    ['ops', { ...said, replyTo: randomUUID() }],
    ['ops', line('help', { id: bots })],
  ] as const)
    expect(await chat.send(room, other)).toBe('taken');
  expect(accepted).toBe(1);
  expect(await home.database.query('select text from web_lines')).toEqual([{ text: 'ack 12' }]);
  const { excerpt, stop } = await chat.follow('ops', new Reader());
  expect(excerpt.lines.map(({ author, message }) => [author, message.text])).toEqual([
    ['Ann', 'ack 12'],
    ['bot', 'pods crash #12'],
  ]);
  stop();
});

test('a press with the id of a line is still accepted', async () => {
  const said = line('help');
  await chat.send('ops', said);
  await chat.press('ops', {
    id: said.id,
    pressed: { message: randomUUID(), version: 1, index: 0 },
    sender: said.sender,
  });
  expect(accepted).toBe(2);
});

test('an excerpt of large messages is bounded, and the rest follows page by page, each line once', async () => {
  const sizes = Array.from({ length: 90 }, (_, number) => (number === 40 ? 2 * MAX_BYTES : 8_000));
  for (const [number, size] of sizes.entries()) await show(`${number} ${'x'.repeat(size)}`);
  const seen: string[] = [];
  let { excerpt, stop } = await chat.follow('ops', new Reader());
  stop();
  for (;;) {
    seen.unshift(...excerpt.lines.map(({ message }) => message.text?.split(' ')[0] ?? ''));
    const bytes = Buffer.byteLength(JSON.stringify(excerpt));
    expect(bytes < MAX_BYTES * 1.1 || excerpt.lines.length === 1).toBe(true);
    if (!excerpt.earlier) break;
    excerpt = await chat.earlier('ops', excerpt.lines[0]?.seq ?? 0);
  }
  expect(seen).toEqual(sizes.map((_, number) => String(number)));
});

test('each reader gets every later change once, from any replica', async () => {
  const id = await show('one');
  const [early, late] = [new Reader(), new Reader()];
  const first = await chat.follow('ops', early);
  await show('two');
  await until('the first is notified', () => early.texts.length === 1);
  const second = await chat.follow('ops', late);
  const other = start();
  await other.send('ops', line('sent elsewhere'));
  await show('one, changed', id);
  await until('both are notified', () =>
    [early, late].every(({ texts }) => texts.includes('one, changed') && texts.includes('sent elsewhere')),
  );
  expect([...early.texts].sort()).toEqual(['one, changed', 'sent elsewhere', 'two']);
  expect([...late.texts].sort()).toEqual(['one, changed', 'sent elsewhere']);
  first.stop();
  second.stop();
  other.close();
});

test('a reader that is not ready gets nothing, and later the current state in bounded parts', async () => {
  const [slow, quick] = [new Reader(), new Reader()];
  const following = await Promise.all([chat.follow('ops', slow), chat.follow('ops', quick)]);
  slow.ready = false;
  const id = await show('first');
  for (let number = 0; number < 60; number++) await show(`${number} ${'x'.repeat(8_000)}`);
  await show('first, changed', id);
  await until('the fast one has it', () => quick.texts.includes('first, changed'));
  expect(slow.received).toEqual([]);
  slow.ready = true;
  following[0].more();
  await until('the slow one has all', () => slow.received.flat().length === 61);
  expect(slow.texts).toContain('first, changed');
  expect(slow.texts).not.toContain('first');
  for (const part of slow.received) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(MAX_BYTES * 1.1);
  for (const { stop } of following) stop();
});
