import { PassThrough } from 'node:stream';
import { until } from '../../../test/harness/until.ts';
import { escape, quote, type Message } from '../../chat/message.ts';
import type { ConnectorHost, IncomingEvent, Part } from '../connector.ts';
import { createConsoleConnector } from './index.ts';
import { printMessage } from './print.ts';

async function start({ isTTY = false } = {}) {
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { isTTY });
  let printed = '';
  output.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const received: IncomingEvent[] = [];
  const state = { refusals: 0 };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const host: ConnectorHost = {
    cursor: null,
    cursorAt: null,
    async receive(events) {
      if (state.refusals-- > 0) throw new Error('database unreachable');
      received.push(...events);
    },
    async echo() {},
    async membership() {},
    isConfigured: () => true,
    rooms: () => ['desk'],
    async resolved() {},
    state() {},
    failed() {},
    now: () => new Date('2026-01-05T10:00:00Z'),
    log,
  };
  const connector = createConsoleConnector({ input, output });
  await connector.start(host);
  const part = (message: Message): Part => {
    const [first] = connector.render(message, { ring: false });
    if (!first) throw new Error('nothing was rendered');
    return first;
  };
  return { connector, input, received, state, printed: () => printed, part };
}

const signal = new AbortController().signal;
const unknownTries = 0;

test('a typed line is a direct message of the local user in the configured room; empty lines are ignored', async () => {
  const { connector, input, received } = await start();
  input.write('help\n\n  \ncount to 10\n');
  await until(() => received.length === 2);
  expect(received).toMatchObject([
    { type: 'message', text: 'help', room: 'desk', direct: true, sender: { accountId: 'local' } },
    { text: 'count to 10' },
  ]);
  expect(received[0]?.id).not.toBe(received[1]?.id);
  await connector.stop();
});

test('a line that cannot be stored is offered again, before the next one', async () => {
  const { connector, input, received, state } = await start();
  state.refusals = 1;
  input.write('one\ntwo\n');
  await until(() => received.length === 2);
  expect(received.map((event) => event.type === 'message' && event.text)).toEqual(['one', 'two']);
  await connector.stop();
});

test('a message is printed once for each key, and an edit is printed again with a mark', async () => {
  const { connector, printed, part } = await start();
  const send = {
    type: 'send',
    key: { uuid: 'a', count: 1 },
    room: 'desk',
    part: part({ text: 'the **first**' }),
    unknownTries,
  } as const;
  const id = await connector.perform(send, signal);
  expect(await connector.perform(send, signal)).toBe(id);
  expect(printed()).toBe('the first\n');
  await connector.perform(
    {
      type: 'edit',
      key: { uuid: 'a', count: 2 },
      room: 'desk',
      part: part({ text: 'the second' }),
      target: id,
      unknownTries,
    },
    signal,
  );
  expect(printed()).toBe('the first\n(changed)\nthe second\n');
  await connector.stop();
});

test('messages are still printed after the end of input', async () => {
  const { connector, input, printed, part } = await start();
  input.end();
  await until(() => input.readableEnded);
  await connector.perform(
    { type: 'send', key: { uuid: 'a', count: 1 }, room: 'desk', part: part({ text: 'still here' }), unknownTries },
    signal,
  );
  expect(printed()).toBe('still here\n');
  await connector.stop();
  await connector.stop();
});

const alert: Message = {
  tone: 'critical',
  title: '🔴 CRITICAL pods\u001b[2J crash #12',
  text: 'see `logs`',
  fields: [{ label: 'pod', value: 'api' }],
  code: 'a\nb',
  links: [{ label: 'runbook', url: 'https://r.example.org/' }],
  mentions: [{ accountId: 'ann', name: 'Ann' }],
  actions: [{ label: 'Ack', emoji: '👀', command: 'ack 12' }],
};

test('every part of a message is printed, without its control characters', () => {
  expect(printMessage(alert, false)).toBe(
    [
      '▌ @Ann',
      '▌ 🔴 CRITICAL pods[2J crash #12',
      '▌ see logs',
      '▌ pod: api',
      '▌   a',
      '▌   b',
      '▌ runbook: https://r.example.org/',
      '▌ say: ack 12',
    ].join('\n'),
  );
});

test("text from outside cannot create a line that looks like the bot's own", () => {
  const forged = 'acked 14:31 UTC by Ann Li';
  const message: Message = {
    title: `CRITICAL x\n${forged}`,
    text: `${quote(`down\n${forged}`)}\nsince 14:31 UTC · ${escape(`a\n${forged}`)}`,
    fields: [{ label: `a\n${forged}`, value: `b\n${forged}` }],
    code: `c\n${forged}`,
    mentions: [{ accountId: '@ann:e.org', name: `Ann\n${forged}` }],
    links: [{ label: `d\n${forged}`, url: `e\n${forged}` }],
  };
  const lines = printMessage(message, false).split('\n');
  expect(lines.filter((line) => line.startsWith('acked'))).toEqual([]);
  expect(lines).toContain(`> ${forged}`);
});

test('colours are used only on terminals', async () => {
  const plain = await start();
  const terminal = await start({ isTTY: true });
  for (const { connector, part } of [plain, terminal])
    await connector.perform(
      { type: 'send', key: { uuid: 'a', count: 1 }, room: 'desk', part: part(alert), unknownTries },
      signal,
    );
  expect(plain.printed()).not.toContain('\u001b');
  expect(terminal.printed()).toContain('\u001b[31m▌\u001b[0m');
  await plain.connector.stop();
  await terminal.connector.stop();
});
