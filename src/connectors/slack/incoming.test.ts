import { randomUUID } from 'node:crypto';
import { readEvent, type Reading } from './incoming.ts';
import { readCommand, readPress } from './interactions.ts';

const ANN = { accountId: 'U1', name: 'Ann', bot: false, guest: false };
const reading: Reading = { me: { userId: 'UBOT', botId: 'BBOT' }, person: async (id) => ({ ...ANN, accountId: id }) };
const said = {
  type: 'message',
  channel: 'C1',
  channel_type: 'channel',
  user: 'U1',
  text: 'ack 12',
  ts: '1700000000.000100',
};
const read = (event: object) => readEvent(event, reading);

test('a message event and its mention event become the same event', async () => {
  const parsed = await read({ ...said, text: '<@UBOT> ack 12' });
  expect(parsed).toEqual({
    type: 'event',
    event: {
      ...{ type: 'message', id: 'C1:1700000000.000100', room: 'C1', direct: false, sender: ANN },
      ...{ at: new Date(1_700_000_000_000), text: 'ack 12', mentionsBot: true },
    },
  });
  const { channel_type: _, ...mention } = said;
  expect(await read({ ...mention, text: '<@UBOT> ack 12', type: 'app_mention' })).toEqual(parsed);
});

test('a reply has its thread, and the first message of a thread has none', async () => {
  expect(await read({ ...said, thread_ts: '1600000000.000100' })).toMatchObject({
    event: { thread: 'C1:1600000000.000100' },
  });
  expect((await read({ ...said, thread_ts: said.ts })) as object).not.toHaveProperty('event.thread');
});

test('a conversation with one person is direct; a group conversation is not', async () => {
  expect(await read({ ...said, channel: 'D1', channel_type: 'im' })).toMatchObject({ event: { direct: true } });
  expect(await read({ ...said, channel: 'G1', channel_type: 'mpim' })).toMatchObject({ event: { direct: false } });
});

test("the bot's own message is an echo of its key, and is ignored if the key is hidden", async () => {
  const uuid = randomUUID();
  const own = { ...said, user: 'UBOT', bot_id: 'BBOT' };
  const metadata = { event_type: 'watchbell', event_payload: { key: `${uuid}.3` } };
  expect(await read({ ...own, metadata })).toEqual({
    ...{ type: 'echo', key: { uuid, count: 3 }, remoteId: 'C1:1700000000.000100' },
  });
  expect(await read({ ...own, metadata: { event_type: 'watchbell' } })).toEqual({ type: 'nothing' });
  expect(await read({ ...said, metadata })).toMatchObject({ type: 'event' });
});

test('a message from another bot is marked as such', async () => {
  const posted = { ...said, subtype: 'bot_message', user: undefined, bot_id: 'B2', username: 'deploys' };
  expect(await read(posted)).toMatchObject({ event: { sender: { accountId: 'B2', name: 'deploys', bot: true } } });
});

test.each(['channel_join', 'channel_topic', 'message_deleted', 'pinned_item'])('%s is ignored', async (subtype) => {
  expect(await read({ ...said, subtype })).toEqual({ type: 'nothing' });
});

test('messages with files, replies also sent to the channel, and /me messages are messages', async () => {
  for (const subtype of ['file_share', 'thread_broadcast', 'me_message'])
    expect(await read({ ...said, subtype })).toMatchObject({ event: { text: 'ack 12' } });
});

test('an edit refers to the edited message; a link preview is not an edit', async () => {
  const changed = (message: object) => ({
    ...{ type: 'message', subtype: 'message_changed', channel: 'C1', ts: '1700000009.000100', previous_message: said },
    message: { ...said, ...message },
  });
  const edited = { user: 'U1', ts: '1700000008.000100' };
  expect(await read(changed({ text: 'ack 13', edited }))).toMatchObject({
    event: { id: 'C1:1700000000.000100:edit:1700000008.000100', edits: 'C1:1700000000.000100', text: 'ack 13' },
  });
  expect(await read(changed({ attachments: [] }))).toEqual({ type: 'nothing' });
  expect(await read(changed({ edited, attachments: [] }))).toEqual({ type: 'nothing' });
});

test('adding and removing a reaction are events with different ids', async () => {
  const added = {
    ...{ type: 'reaction_added', user: 'U1', reaction: '+1::skin-tone-2', event_ts: '1700000001.000000' },
    item: { type: 'message', channel: 'C1', ts: said.ts },
  };
  expect(await read(added)).toMatchObject({
    event: { type: 'reaction', target: 'C1:1700000000.000100', emoji: '👍', taken: false },
  });
  const removed = { ...added, type: 'reaction_removed', event_ts: '1700000002.000000' };
  const ids = (await Promise.all([added, removed].map(read))).map(
    (parsed) => parsed.type === 'event' && parsed.event.id,
  );
  expect(new Set(ids).size).toBe(2);
  expect(await read({ ...added, user: 'UBOT' })).toEqual({ type: 'nothing' });
});

test('joining, leaving and archiving a channel, and a revoked token, are recognised', async () => {
  expect(await read({ type: 'member_joined_channel', user: 'UBOT', channel: 'C1' })).toMatchObject({ state: 'joined' });
  expect(await read({ type: 'member_joined_channel', user: 'U1', channel: 'C1' })).toEqual({ type: 'nothing' });
  expect(await read({ type: 'channel_left', channel: 'C1' })).toMatchObject({ room: 'C1', state: 'left' });
  expect(await read({ type: 'channel_archive', channel: 'C1' })).toMatchObject({
    state: 'left',
    detail: 'it was archived',
  });
  expect(await read({ type: 'tokens_revoked', tokens: { bot: ['UBOT'] } })).toMatchObject({ type: 'locked out' });
});

test.each([
  null,
  'text',
  {},
  { type: 'message' },
  { type: 'message', channel: 'C1', ts: 5 },
  { type: 'team_join', user: {} },
])('unknown events are ignored: %j', async (event) =>
  expect(await readEvent(event, reading)).toEqual({ type: 'nothing' }),
);

const now = new Date('2026-01-05T09:00:00Z');
const pressed = {
  ...{ type: 'block_actions', user: { id: 'U1' }, trigger_id: '1.2.abc', channel: { id: 'C1' } },
  ...{ message: { ts: '5.0', thread_ts: '4.0' }, response_url: 'https://hooks.slack.com/actions/x' },
};
const value = '0b7e1c52-0000-4000-8000-000000000001.3.1';

test('a press and a choice carry the message, the version, the index, and how to respond', async () => {
  const event = {
    ...{ type: 'interaction', room: 'C1', thread: 'C1:4.0', sender: ANN },
    press: { message: '0b7e1c52-0000-4000-8000-000000000001', version: 3, index: 1 },
    respond: { token: 'https://hooks.slack.com/actions/x', until: new Date('2026-01-05T09:29:00Z') },
  };
  for (const action of [{ value }, { selected_option: { value } }])
    expect(await readPress({ ...pressed, actions: [{ action_ts: '6.0', ...action }] }, reading, now)).toMatchObject(
      event,
    );
});

test('a redelivered press has the same id, and the trigger id is not stored', async () => {
  const body = { ...pressed, actions: [{ action_ts: '6.0', value }] };
  const [first, again, next] = await Promise.all([
    readPress(body, reading, now),
    readPress(body, reading, new Date()),
    readPress({ ...body, trigger_id: '2.2.abc' }, reading, now),
  ]);
  expect(first?.id).toBe(again?.id);
  expect(first?.id).not.toBe(next?.id);
  expect(JSON.stringify(first)).not.toContain('1.2.abc');
});

test.each([{ value: 'ack 12' }, { value: undefined }, { selected_option: null }])(
  'a press on something else is ignored: %j',
  async (action) =>
    expect(await readPress({ ...pressed, actions: [{ action_ts: '6', ...action }] }, reading, now)).toBeUndefined(),
);

test('only the configured slash command is accepted', async () => {
  const typed = { command: '/bell', text: ' ack 12 ', user_id: 'U1', channel_id: 'D1', trigger_id: '1.2.abc' };
  expect(await readCommand(typed, '/bell', reading, now)).toMatchObject({
    type: 'interaction',
    words: 'ack 12',
    direct: true,
  });
  expect(await readCommand(typed, '/other', reading, now)).toBeUndefined();
  expect(await readCommand(typed, undefined, reading, now)).toBeUndefined();
});
