import { createSlackWorld, type SlackWorld } from '../../../test/fakes/slack/world.ts';
import { newKey, sendOf } from '../conformance/host.ts';
import type { Connector, Message, Operation } from '../connector.ts';
import { tsOf } from './ids.ts';

let world: SlackWorld;
let connector: Connector;
const never = new AbortController().signal;

beforeEach(async () => {
  world = await createSlackWorld();
  connector = await world.connect();
});
afterEach(async () => {
  await connector.stop();
  await world.close();
});

type Send = Extract<Operation, { type: 'send' }>;
const sendTo = (room: string, message: Message, more: Partial<Send> = {}): Promise<string> =>
  connector.perform(sendOf(room, connector.render(message, { ring: true })[0], more), never);
const send = (message: Message, more: Partial<Send> = {}): Promise<string> => sendTo(world.room, message, more);
const shown = (user?: string) => world.slack.admin.shown(world.room, user);
const count = (method: string): number => world.slack.counts[method] ?? 0;

test('a reply is posted in its thread, not in the channel', async () => {
  const root = await send({ text: 'alert' });
  await send({ text: 'note' }, { thread: root });
  expect(shown()).toMatchObject([{ text: 'alert' }, { text: 'note', thread: tsOf(root), broadcast: false }]);
});

test('if the thread is gone, a reply is posted in the channel', async () => {
  await send({ text: 'note' }, { thread: `${world.room}:1700000000.000001` });
  expect(shown()).toMatchObject([{ text: 'note', thread: null }]);
});

test('a send in a thread is looked up there before it is retried', async () => {
  const thread = await send({ text: 'alert' });
  const key = newKey();
  world.slack.faults.next({ kind: 'htmlAfter' });
  await expect(send({ text: 'note' }, { thread, key })).rejects.not.toHaveProperty('code', 'WB_REJECTED');
  await send({ text: 'note' }, { thread, key, unknownTries: 1 });
  expect(shown().map(({ text }) => text)).toEqual(['alert', 'note']);
});

test('a send is found however many messages followed', async () => {
  const key = newKey();
  const id = await send({ text: 'once' }, { key });
  for (let line = 0; line < 450; line++) world.slack.people.say('ann', world.room, `line ${line}`);
  expect(await send({ text: 'once' }, { key, unknownTries: 1 })).toBe(id);
});

test('a first try makes no lookup', async () => {
  await send({ text: 'x' });
  expect([count('conversations.history'), count('chat.postMessage')]).toEqual([0, 1]);
});

test('a 429 closes the channel for a send, and the method for edits, reactions and deletions', async () => {
  const target = await send({ text: 'x' });
  const base = { key: newKey(), room: world.room, target, unknownTries: 0 };
  const [part] = connector.render({ text: 'y' }, { ring: false });
  const operations: [Operation, string][] = [
    [sendOf(world.room, part), `room:${world.room}`],
    [{ ...base, type: 'edit', part: sendOf(world.room, part).part }, 'chat.update'],
    [{ ...base, type: 'react', emoji: '👀' }, 'reactions.add'],
    [{ ...base, type: 'delete' }, 'chat.delete'],
  ];
  for (const [operation, bucket] of operations) {
    world.slack.faults.next({ kind: 'limited', retryAfterSeconds: 7 });
    await expect(connector.perform(operation, never)).rejects.toMatchObject({ bucket, retryAfterMs: 7000 });
    if (!bucket.startsWith('room:')) expect(connector.buckets?.(operation)).toContain(bucket);
  }
});

test('the error for a channel that the bot is not in says how to invite it', async () => {
  const elsewhere = world.slack.admin.addChannel('elsewhere', { members: ['ann'] });
  await expect(sendTo(elsewhere, { text: 'x' })).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: expect.stringContaining('/invite'),
  });
  expect(world.slack.admin.shown(elsewhere)).toEqual([]);
});

const file = { name: 'table.csv', mediaType: 'text/csv', hash: 'h', size: 3, alt: 'A table' };
const content = { ...file, bytes: new TextEncoder().encode('a,b') };
const upload = (): Promise<string> =>
  connector.perform({ type: 'upload', key: newKey(), room: world.room, file: content, unknownTries: 0 }, never);
const filePart = () => connector.render({ text: 'x', files: [file] }, { ring: false }).find((part) => part.file);

test('a file whose posting was not confirmed is posted once', async () => {
  const uploads = [await upload()];
  world.slack.faults.next({ kind: 'dropAfter', on: ['files.completeUploadExternal'] });
  const operation = sendOf(world.room, filePart(), { uploads });
  await expect(connector.perform(operation, never)).rejects.toThrow('fetch failed');
  const id = await connector.perform({ ...operation, unknownTries: 1 }, never);
  expect(shown().map(({ ts, files }) => [ts, files.map(({ name }) => name)])).toEqual([[tsOf(id), ['table.csv']]]);
  expect(world.slack.admin.fileText(uploads[0] ?? '')).toBe('a,b');
});

test('a file that was never completed is posted by the retry', async () => {
  const uploads = [await upload()];
  world.slack.faults.next({ kind: 'drop', on: ['files.completeUploadExternal'] });
  const operation = sendOf(world.room, filePart(), { uploads });
  await expect(connector.perform(operation, never)).rejects.toThrow('fetch failed');
  await connector.perform({ ...operation, unknownTries: 1 }, never);
  expect(shown()).toHaveLength(1);
});

test.each([[['chat:write']], [['chat:write', 'files:write']]])(
  'with only %s, files are described in words',
  async (scopes) => {
    world.slack.admin.setScopes(scopes);
    const uploads = [await upload()];
    expect(uploads).toEqual(['']);
    await connector.perform(sendOf(world.room, filePart(), { uploads }), never);
    expect(shown()).toMatchObject([{ text: 'table.csv: A table', files: [] }]);
  },
);

test('a picture is uploaded and posted once, as a separate message', async () => {
  const image = { png: Buffer.from('png').toString('base64'), width: 4, height: 2, alt: 'Load of db-1' };
  const part = connector.render({ text: 'x', image }, { ring: false })[1];
  const operation = sendOf(world.room, part);
  const id = await connector.perform(operation, never);
  expect(await connector.perform({ ...operation, unknownTries: 1 }, never)).toBe(id);
  expect(shown()).toMatchObject([
    { blocks: [{ type: 'image', alt_text: 'Load of db-1', slack_file: { id: expect.stringMatching(/^F/) } }] },
  ]);
});

describe('a message that only one account sees', () => {
  const ann = () => world.people[0];

  test('falls back to a direct message if the account is not in the channel', async () => {
    const room = world.slack.admin.addChannel('quiet', { members: ['bell'] });
    await sendTo(room, { text: 'between us' }, { to: { accountId: ann() } });
    expect(world.slack.admin.shown(room, 'ann')).toEqual([]);
    const direct = world.slack.people.direct('ann');
    expect(world.slack.admin.shown(direct).map(({ text }) => text)).toEqual(['between us']);
  });

  test('is never shown in the channel, whatever fails', async () => {
    for (const kind of ['error', 'drop', 'limited'] as const) {
      world.slack.faults.next({ kind, on: ['chat.postEphemeral'] });
      await expect(send({ text: 'between us' }, { to: { accountId: ann() } })).rejects.not.toHaveProperty(
        'code',
        'WB_REJECTED',
      );
    }
    expect(shown('ann')).toEqual([]);
    expect(count('conversations.open')).toBe(0);
  });

  test('cannot be edited later', async () => {
    const target = await send({ text: 'x' }, { to: { accountId: ann() } });
    const part = sendOf(world.room, connector.render({ text: 'y' }, { ring: false })[0]).part;
    const edit = { type: 'edit', key: newKey(), room: world.room, part, target, unknownTries: 0 } as const;
    await expect(connector.perform(edit, never)).rejects.toMatchObject({ code: 'WB_GONE' });
  });
});
