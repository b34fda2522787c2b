import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { Message } from '../../chat/message.ts';
import { codeOf } from '../../errors.ts';
import { newKey, RecordingHost, sendOf } from '../conformance/host.ts';
import type { Connector, Operation, Part } from '../connector.ts';
import { MAX_BYTES } from './render.ts';

let world: MatrixWorld;
let connector: Connector;
const signal = new AbortController().signal;

async function begin(...given: Parameters<typeof createMatrixWorld>): Promise<void> {
  world = await createMatrixWorld(...given);
  connector = await world.connect();
  await connector.start(new RecordingHost([world.room]));
}

afterEach(async () => {
  await connector.stop();
  await world.close();
});

function part(message: Message): Part {
  const [first] = connector.render(message, { ring: false });
  if (!first) throw new Error('no part');
  return first;
}

function send(message: Message, more: Partial<Extract<Operation, { type: 'send' }>> = {}): Promise<string> {
  return connector.perform(sendOf(world.room, part(message), more), signal);
}

test('an alert is m.text, a notice is m.notice, and only mentioned people are notified', async () => {
  await begin();
  await send({ text: 'Ann, look @room @bob:fake.test', mentions: [{ accountId: '@ann:fake.test', name: 'Ann' }] });
  await send({ text: 'help', notice: true });
  expect(world.homeserver.shown(world.roomId)).toMatchObject([
    { msgtype: 'm.text', mentions: ['@ann:fake.test'] },
    { msgtype: 'm.notice', mentions: [] },
  ]);
  for (const event of world.homeserver.timeline(world.roomId))
    if (event['type'] === 'm.room.message') expect(event['content']).toHaveProperty(['m.mentions']);
});

test('an edit changes the message and notifies nobody', async () => {
  await begin();
  const target = await send({ text: 'one' });
  const edit = {
    type: 'edit',
    key: newKey(),
    room: world.room,
    part: part({ text: 'two **b**', mentions: [{ accountId: '@ann:fake.test', name: 'Ann' }] }),
    target,
    unknownTries: 0,
  } as const;
  expect(await connector.perform(edit, signal)).toBe(target);
  expect(world.homeserver.shown(world.roomId)).toMatchObject([{ id: target, text: 'two b\nAnn', edits: 1 }]);
  expect(world.homeserver.timeline(world.roomId).at(-1)).toMatchObject({
    content: {
      body: '* two b\nAnn',
      'm.mentions': {},
      'm.new_content': { 'm.mentions': { user_ids: ['@ann:fake.test'] } },
    },
  });
});

test('replies and threads have their parent, and become plain messages if that is not possible', async () => {
  await begin();
  const root = world.homeserver.say('ann', world.roomId, 'question');
  await send({ text: 'reply' }, { replyTo: root });
  await send({ text: 'in thread' }, { thread: root });
  await send({ text: 'reply in thread' }, { thread: root, replyTo: root });
  await send({ text: 'no such thread' }, { thread: '$nothing' });
  expect(world.homeserver.shown(world.roomId).slice(1)).toMatchObject([
    { text: 'reply', replyTo: root, thread: null },
    { text: 'in thread', replyTo: null, thread: root },
    { text: 'reply in thread', replyTo: root, thread: root },
    { text: 'no such thread', replyTo: null, thread: null },
  ]);
});

test('the server accepts the largest part, as a message and as an edit', async () => {
  await begin();
  const [large] = connector.render(
    { code: Array.from({ length: 3000 }, (_, line) => `<"é漢😀'> ${line}`).join('\n') },
    { ring: false },
  );
  if (!large) throw new Error('no part');
  expect(large.bytes).toBeGreaterThan(MAX_BYTES * 0.9);
  const target = await connector.perform(sendOf(world.room, large), signal);
  await connector.perform(
    { type: 'edit', key: newKey(), room: world.room, part: large, target, unknownTries: 0 },
    signal,
  );
  expect(world.homeserver.shown(world.roomId)[0]?.edits).toBe(1);
});

test('a part that is too large is rejected for good', async () => {
  await begin();
  const huge: Part = { body: { text: 'x'.repeat(70_000), html: null, mentions: [], notice: false }, bytes: 70_000 };
  await expect(connector.perform(sendOf(world.room, huge), signal)).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: expect.stringContaining('64 KiB'),
  });
});

test("the account's rate limit is reported with the time to wait, and does not apply to repeats", async () => {
  await begin({ rate: { perSecond: 0.2, burst: 3, pauseMs: 1 }, now: () => 1_000_000 });
  const key = newKey();
  const first = await send({ text: '1' }, { key });
  await send({ text: '2' });
  await send({ text: '3' });
  const refused = send({ text: '4' });
  await expect(refused).rejects.toMatchObject({ code: 'WB_RATE_LIMITED', bucket: 'account' });
  const { retryAfterMs } = (await refused.catch((error: unknown) => error)) as { retryAfterMs: number };
  expect(retryAfterMs).toBe(5000);
  expect(await send({ text: '1' }, { key, unknownTries: 1 })).toBe(first);
});

test.each(['errorAfter', 'dropAfter', 'hangAfter', 'error', 'drop', 'hang'] as const)(
  'after "%s" the outcome is unknown and the repeat leaves one message',
  async (kind) => {
    await begin();
    world.homeserver.faults.next({ kind, times: 2 });
    const operation = sendOf(world.room, part({ text: 'once' }));
    const impatient = (): AbortSignal => AbortSignal.timeout(500);
    const codes = ['WB_RATE_LIMITED', 'WB_REJECTED', 'WB_GONE', 'WB_UNAUTHORISED', 'WB_UNREACHABLE'];
    const outcome = await connector.perform(operation, impatient()).then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    expect(codes).not.toContain(outcome);
    await connector.perform({ ...operation, unknownTries: 1 }, impatient()).catch(() => {});
    // On a stalled machine a request may have timed out before it reached the fault.
    world.homeserver.faults.clear();
    const id = await connector.perform({ ...operation, unknownTries: 2 }, signal);
    expect(world.homeserver.shown(world.roomId).map((message) => message.id)).toEqual([id]);
  },
);

test.each(['limited', 'unauthorised'] as const)(
  'a request that was cut off has an unknown outcome even if its repeat is answered with "%s"',
  async (kind) => {
    await begin();
    // A connection that is kept open and used again.
    await send({ text: 'first' });
    world.homeserver.faults.next({ kind: 'dropAfter', on: ['send'] });
    world.homeserver.faults.next({ kind, on: ['send'] });
    const operation = sendOf(world.room, part({ text: 'second' }));
    const error: unknown = await connector.perform(operation, signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    const id = await connector.perform({ ...operation, unknownTries: 1 }, signal);
    expect(world.homeserver.shown(world.roomId).map((message) => message.id)).toEqual([expect.any(String), id]);
  },
);

/** Performs like delivery: retries while the room is being replaced. */
async function performUntilDone(operation: Operation): Promise<string> {
  for (;;) {
    try {
      return await connector.perform(operation, signal);
    } catch (error) {
      if (codeOf(error) !== 'WB_MOVED') throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('it joins a public room to send, and rejects with the remedy where it is not a member', async () => {
  await begin();
  const open = world.homeserver.createRoom({ creator: 'ann', alias: 'open', public: true });
  await performUntilDone(sendOf('#open:fake.test', part({ text: 'x' })));
  expect(world.homeserver.shown(open)).toHaveLength(1);
  world.homeserver.createRoom({ creator: 'ann', alias: 'closed' });
  await expect(performUntilDone(sendOf('#closed:fake.test', part({ text: 'x' })))).rejects.toMatchObject({
    reason: '@bell:fake.test is not in #closed:fake.test: invite it there',
  });
  await expect(connector.perform(sendOf('#none:fake.test', part({ text: 'x' })), signal)).rejects.toMatchObject({
    reason: expect.stringContaining('no room has the address #none:fake.test'),
  });
});

test('without the power to post the rejection says so', async () => {
  await begin({}, { power: { events_default: 50 } });
  await expect(send({ text: 'x' })).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: '@bell:fake.test may not do this in #ops:fake.test: raise its power level',
  });
});

test('editing a message that a moderator removed is reported as gone', async () => {
  await begin();
  const target = await send({ text: 'x' });
  world.homeserver.redact('ann', world.roomId, target);
  const edit = (): Promise<string> =>
    connector.perform(
      { type: 'edit', key: newKey(), room: world.room, part: part({ text: 'y' }), target, unknownTries: 0 },
      signal,
    );
  const deadline = Date.now() + 30_000;
  let code: unknown;
  while (code !== 'WB_GONE' && Date.now() < deadline)
    code = await edit().then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
  expect(code).toBe('WB_GONE');
});

test('connections are reused, and one that the server has closed does not fail the send', async () => {
  await begin();
  await send({ text: 'one' });
  world.homeserver.faults.next({ kind: 'drop' });
  await send({ text: 'two' });
  expect(world.homeserver.shown(world.roomId)).toHaveLength(2);
});

test('a picture is uploaded and shown as a separate event, only once even after a lost response', async () => {
  await begin();
  const png = Buffer.from('not really a picture').toString('base64');
  const image = { png, width: 4, height: 3, alt: 'Who has met whom' };
  const [words, picture] = connector.render({ text: 'Look', image }, { ring: false });
  expect(connector.render({ text: 'Look', image }, { ring: false })).toHaveLength(2);
  await connector.perform(sendOf(world.room, words), signal);
  const operation = sendOf(world.room, picture);
  world.homeserver.faults.next({ kind: 'errorAfter' });
  await expect(connector.perform(operation, signal)).rejects.toThrow('500');
  await connector.perform(operation, signal);
  const shown = world.homeserver.shown(world.roomId);
  expect(shown.map(({ msgtype, text }) => [msgtype, text])).toEqual([
    ['m.text', 'Look'],
    ['m.image', 'Who has met whom'],
  ]);
  const content = world.homeserver.timeline(world.roomId).at(-1)?.['content'] as { url: string; info: object };
  expect(content.info).toEqual({ mimetype: 'image/png', w: 4, h: 3, size: 20 });
  expect(world.homeserver.media.get(content.url)).toEqual({
    type: 'image/png',
    bytes: Buffer.from('not really a picture'),
  });
});

test.each([
  ['image/png', 'm.image', { w: 4, h: 3 }],
  ['text/csv', 'm.file', {}],
])('a file of %s is shown as %s, at the address of its upload', async (mediaType, msgtype, picture) => {
  await begin();
  const bytes = Buffer.from('a,b');
  const pixels = msgtype === 'm.image' && { width: 4, height: 3 };
  const file = { name: 'table', mediaType, hash: 'h', size: bytes.length, alt: 'Who met whom', ...pixels };
  const [, part] = connector.render({ text: 'Look', files: [file] }, { ring: false });
  const upload = {
    type: 'upload',
    key: newKey(),
    room: world.room,
    file: { ...file, bytes },
    unknownTries: 0,
  } as const;
  const uploads = [await connector.perform(upload, signal)];
  await connector.perform(sendOf(world.room, part, { uploads }), signal);
  const content = world.homeserver.timeline(world.roomId).at(-1)?.['content'];
  expect(content).toMatchObject({ msgtype, body: 'Who met whom', filename: 'table', url: uploads[0] });
  expect(content).toMatchObject({ info: { mimetype: mediaType, size: 3, ...picture } });
  expect(world.homeserver.media.get(uploads[0] ?? '')).toEqual({ type: mediaType, bytes });
  world.homeserver.maxUploadBytes = 1;
  const refused = [await connector.perform({ ...upload, key: newKey() }, signal)];
  await connector.perform(sendOf(world.room, part, { uploads: refused }), signal);
  expect(world.homeserver.shown(world.roomId).at(-1)).toMatchObject({ msgtype: 'm.text', text: 'Who met whom' });
});

test('a picture that the homeserver rejects is shown as its description', async () => {
  await begin();
  world.homeserver.maxUploadBytes = 10;
  const image = {
    png: Buffer.from('not really a picture').toString('base64'),
    width: 4,
    height: 3,
    alt: 'Who met whom',
  };
  const [, picture] = connector.render({ text: 'Look', image }, { ring: false });
  await connector.perform(sendOf(world.room, picture), signal);
  expect(world.homeserver.shown(world.roomId).map(({ msgtype, text }) => [msgtype, text])).toEqual([
    ['m.text', 'Who met whom'],
  ]);
});
