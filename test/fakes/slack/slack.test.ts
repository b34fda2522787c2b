import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { HTTPReceiver, SocketModeReceiver } from '@slack/bolt';
import type { ReceiverEvent } from '@slack/bolt';
import { LogLevel, WebClient } from '@slack/web-api';
import type { Logger } from '@slack/web-api';
import { until } from '../../harness/until.ts';
import { map } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import { spawnFakeSlack } from './remote.ts';
import { createFakeSlack } from './slack.ts';
import type { FakeSlack } from './slack.ts';
import type { SlackOptions } from './types.ts';

const silent = (): void => {};
const logger: Logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  getLevel: () => LogLevel.ERROR,
  setName: silent,
};

let slack: FakeSlack;
let web: WebClient;
let ops: string;
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await slack?.close();
});

async function begin(options: SlackOptions = {}): Promise<void> {
  slack = await createFakeSlack({ retryDelaysMs: [5, 60_000, 60_000], ...options });
  slack.admin.addUser('ann', { displayName: 'Ann Li' });
  slack.admin.addUser('bob');
  ops = slack.admin.addChannel('ops', { members: ['ann', 'bob', 'bell'] });
  web = client(slack.botToken);
}

function client(token: string): WebClient {
  return new WebClient(token, {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logger,
    timeout: 5000,
  });
}

const id = (name: string): string => slack.workspace.user(name).id;

/** Slack's word for why a call was rejected. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'accepted',
    (error: { data?: { error?: unknown }; code?: unknown }) => error.data?.error ?? error.code,
  );
}

/** A receiver over Socket Mode that acknowledges what `accept` accepts. */
async function listen(accept: (body: JsonMap) => unknown = () => {}): Promise<JsonMap[]> {
  const bodies: JsonMap[] = [];
  const receiver = new SocketModeReceiver({
    appToken: slack.appToken,
    autoReconnectEnabled: false,
    logger,
    installerOptions: { clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } } },
  });
  const processEvent = async (event: ReceiverEvent): Promise<void> => {
    const body = event.body as JsonMap;
    bodies.push(body);
    await event.ack((await accept(body)) as never);
  };
  receiver.init({ processEvent } as never);
  await receiver.start();
  // `receiver.stop()` does not wait for the end of the connection.
  cleanups.push(() => receiver.client.disconnect());
  return bodies;
}

const eventsOf = (bodies: readonly JsonMap[]): JsonMap[] => bodies.map((body) => map(body['event']));

test('what the bot posts is in the history, with metadata only for who asks for it', async () => {
  await begin();
  const metadata = { event_type: 'watchbell', event_payload: { key: 'k1' } };
  const sent = await web.chat.postMessage({ channel: ops, text: 'a & b', metadata });
  const plain = await web.conversations.history({ channel: ops });
  const full = await web.conversations.history({ channel: ops, include_all_metadata: true });
  expect(plain.messages).toMatchObject([{ ts: sent.ts, text: 'a &amp; b', bot_id: slack.workspace.app.botId }]);
  expect(plain.messages?.[0]?.metadata).toEqual({ event_type: 'watchbell' });
  expect(full.messages?.[0]?.metadata).toEqual(metadata);
  slack.admin.setScopes(['channels:history']);
  const without = await web.conversations.history({ channel: ops, include_all_metadata: true });
  expect(without.messages?.[0]?.metadata).toEqual({ event_type: 'watchbell' });
});

test('events come over a socket; a mention comes twice, and metadata without its payload', async () => {
  await begin();
  const bodies = await listen();
  slack.people.say('ann', 'ops', `${slack.people.mention('bell')} see https://a.test/x & web-1.example.com 👀`);
  await web.chat.postMessage({
    channel: ops,
    text: 'mine',
    metadata: { event_type: 'watchbell', event_payload: { key: 'k1' } },
  });
  await until(() => bodies.length === 3);
  const [message, mention, own] = eventsOf(bodies);
  expect(message).toMatchObject({ type: 'message', user: id('ann'), channel: ops, channel_type: 'channel' });
  expect(message?.['text']).toBe(
    `<@${id('bell')}> see <https://a.test/x> &amp; <http://web-1.example.com|web-1.example.com> :eyes:`,
  );
  expect(mention).toMatchObject({
    type: 'app_mention',
    ts: message?.['ts'],
    client_msg_id: message?.['client_msg_id'],
  });
  expect(own).toMatchObject({ bot_id: slack.workspace.app.botId, metadata: { event_type: 'watchbell' } });
  expect(map(own?.['metadata'])['event_payload']).toBeUndefined();
  expect(bodies[0]).toMatchObject({ type: 'event_callback', event_id: expect.stringMatching(/^Ev/) as unknown });
});

test('what is not acknowledged comes again under the same id, also after the socket was closed', async () => {
  await begin({ ackTimeoutMs: 50 });
  let refusals = 1;
  const bodies = await listen(() => {
    if (refusals-- > 0) throw new Error('not stored');
  });
  slack.people.say('ann', 'ops', 'hello');
  await until(() => bodies.length === 2 && slack.events.pending() === 0);
  expect(bodies[0]?.['event_id']).toBe(bodies[1]?.['event_id']);
});

test('what is said while no socket is open is delivered late, and is in the history before', async () => {
  await begin();
  const ts = slack.people.say('ann', 'ops', 'while away');
  await until(() => slack.events.pending() === 1);
  const bodies = await listen();
  expect((await web.conversations.history({ channel: ops, oldest: '0' })).messages).toMatchObject([{ ts }]);
  expect(bodies).toEqual([]);
  await until(() => {
    slack.events.retryNow();
    return bodies.length > 0;
  });
  expect(eventsOf(bodies)).toMatchObject([{ ts, text: 'while away' }]);
});

test('each event goes to one of the sockets, and a client that is told to leave comes back', async () => {
  await begin();
  const one = await listen();
  const two = await listen();
  for (let count = 0; count < 10; count++) slack.people.say('ann', 'ops', `line ${count}`);
  await until(() => one.length + two.length === 10);
  expect([one.length, two.length]).toEqual([5, 5]);
});

test('events can be held, put in another order, lost and doubled', async () => {
  await begin();
  const bodies = await listen();
  slack.events.hold();
  for (const words of ['a', 'b']) slack.people.say('ann', 'ops', words);
  slack.events.release('reverse');
  slack.events.drop(true);
  slack.people.say('ann', 'ops', 'lost');
  slack.events.drop(false);
  slack.events.duplicate();
  slack.people.say('ann', 'ops', 'twice');
  await until(() => bodies.length === 4);
  expect(eventsOf(bodies).map((event) => event['text'])).toEqual(['b', 'a', 'twice', 'twice']);
});

test('a press names the action, the message and an address to answer; so does a slash command', async () => {
  await begin();
  const bodies = await listen((body) => (body['command'] === undefined ? undefined : 'working on it'));
  const button = { type: 'button', text: { type: 'plain_text', text: 'Ack' }, action_id: 'a0', value: 'v' } as const;
  const { ts = '' } = await web.chat.postMessage({
    channel: ops,
    text: 'alert',
    blocks: [{ type: 'actions', elements: [button] }],
  });
  await slack.people.press('ann', 'ops', ts, 0);
  const press = bodies.find((body) => body['type'] === 'block_actions');
  expect(press).toMatchObject({
    user: { id: id('ann') },
    container: { message_ts: ts, channel_id: ops, is_ephemeral: false },
    message: { ts },
    actions: [{ type: 'button', action_id: 'a0', value: 'v' }],
  });
  const respond = async (body: JsonMap): Promise<string> => {
    const response = await fetch(String(press?.['response_url']), {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return `${response.status} ${await response.text()}`;
  };
  expect(await respond({ text: 'only you', replace_original: false })).toBe('200 ok');
  expect(await respond({ text: 'taken', replace_original: true })).toBe('200 ok');
  expect(slack.admin.shown('ops', 'bob').map(({ text }) => text)).toEqual(['taken']);
  expect(slack.admin.shown('ops', 'ann').map(({ text }) => text)).toEqual(['taken', 'only you']);
  for (let uses = 2; uses < 5; uses++) await respond({ text: 'more' });
  expect(await respond({ text: 'too many' })).toBe('404 used_url');
  await slack.people.command('bob', 'ops', '/bell', 'ack 12');
  expect(bodies.at(-1)).toMatchObject({ command: '/bell', text: 'ack 12', user_id: id('bob'), channel_id: ops });
  expect(slack.admin.shown('ops', 'bob').at(-1)).toMatchObject({ text: 'working on it', onlyFor: id('bob') });
});

test('over HTTP requests are signed, repeated when they fail, and the address is verified', async () => {
  await begin({ ackTimeoutMs: 500 });
  const bodies: JsonMap[] = [];
  const retries: unknown[] = [];
  const receiver = new HTTPReceiver({
    signingSecret: slack.signingSecret,
    endpoints: ['/slack'],
    logger,
    unhandledRequestTimeoutMillis: 100,
    unhandledRequestHandler: () => {},
  });
  const processEvent = async (event: ReceiverEvent): Promise<void> => {
    bodies.push(event.body as JsonMap);
    retries.push(event.retryNum);
    if (bodies.length === 1) throw new Error('not stored');
    await event.ack();
  };
  receiver.init({ processEvent } as never);
  const server: Server = createServer((request, response) => receiver.requestListener(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = `http://127.0.0.1:${(server.address() as { port: number }).port}/slack`;
  expect(await slack.verifyUrl(address)).toBe(true);
  slack.setRequestUrl(address);
  slack.people.say('ann', 'ops', 'hello');
  await until(() => bodies.length === 2);
  expect(retries).toEqual([undefined, 1]);
  expect(bodies[1]?.['event_id']).toBe(bodies[0]?.['event_id']);
  await slack.people.command('ann', 'ops', '/bell', 'status & more');
  expect(bodies.at(-1)).toMatchObject({ command: '/bell', text: 'status & more' });
});

test('blocks are as strict as Slack', async () => {
  await begin();
  const post = (blocks: Json[]): Promise<unknown> =>
    web.chat.postMessage({ channel: ops, text: 'x', blocks: blocks as never });
  const section = (text: string): Json => ({ type: 'section', text: { type: 'mrkdwn', text } });
  const button = (more: JsonMap): Json => ({
    type: 'button',
    text: { type: 'plain_text', text: 'x' },
    action_id: 'a',
    ...more,
  });
  const actions = (...elements: Json[]): Json => ({ type: 'actions', elements });
  const wrong: Record<string, Json[]> = {
    'text of a section': [section('x'.repeat(3001))],
    'no text': [section('')],
    blocks: Array.from({ length: 51 }, () => ({ type: 'divider' })),
    header: [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }],
    'mrkdwn in a header': [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }],
    label: [actions(button({ text: { type: 'plain_text', text: 'x'.repeat(76) } }))],
    value: [actions(button({ value: 'x'.repeat(2001) }))],
    'action ids': [actions(button({}), button({}))],
    elements: [actions(...Array.from({ length: 26 }, (_, index) => button({ action_id: `a${index}` })))],
    options: [
      actions({
        type: 'static_select',
        action_id: 's',
        options: Array.from({ length: 101 }, (_, index) => ({
          text: { type: 'plain_text', text: 'x' },
          value: `${index}`,
        })),
      }),
    ],
  };
  for (const [what, blocks] of Object.entries(wrong))
    expect([what, await refusal(post(blocks))]).toEqual([what, 'invalid_blocks']);
  expect(await refusal(post(Array.from({ length: 5 }, () => section('x'.repeat(3000)))))).toBe('msg_blocks_too_long');
  const said = await post([section('x'.repeat(3001))]).catch(
    (error: { data: { response_metadata: JsonMap } }) => error.data.response_metadata,
  );
  expect(said).toMatchObject({
    messages: ['[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]'],
  });
  expect(await refusal(post([section('x'.repeat(3000)), actions(button({ value: 'v' }))]))).toBe('accepted');
});

test('it rejects what Slack rejects', async () => {
  await begin();
  const secret = slack.admin.addChannel('secret', { private: true, members: ['ann'] });
  const far = slack.admin.addChannel('far', { members: ['ann'] });
  const old = slack.admin.addChannel('old', { members: ['ann', 'bell'], archived: true });
  const post = (channel: string, more = {}): Promise<unknown> =>
    refusal(web.chat.postMessage({ channel, text: 'x', ...more }));
  expect(await post('C0NONE')).toBe('channel_not_found');
  expect(await post(secret)).toBe('channel_not_found');
  expect(await post(far)).toBe('not_in_channel');
  expect(await post(old)).toBe('is_archived');
  expect(await post(ops, { text: '' })).toBe('no_text');
  expect(await post(ops, { thread_ts: '1700000000.000001' })).toBe('thread_not_found');
  const ts = slack.people.say('ann', 'ops', 'hers');
  expect(await refusal(web.chat.update({ channel: ops, ts, text: 'y' }))).toBe('cant_update_message');
  expect(await refusal(web.chat.delete({ channel: ops, ts }))).toBe('cant_delete_message');
  expect(await refusal(web.chat.update({ channel: ops, ts: '1.000001', text: 'y' }))).toBe('message_not_found');
  const own = (await web.chat.postMessage({ channel: ops, text: 'mine' })).ts ?? '';
  expect(await refusal(web.chat.update({ channel: ops, ts: own, text: 'y'.repeat(4001) }))).toBe('msg_too_long');
  await web.reactions.add({ channel: ops, timestamp: ts, name: 'eyes' });
  expect(await refusal(web.reactions.add({ channel: ops, timestamp: ts, name: 'eyes' }))).toBe('already_reacted');
  expect(await refusal(web.reactions.remove({ channel: ops, timestamp: ts, name: 'x' }))).toBe('no_reaction');
  expect(await refusal(web.conversations.history({ channel: far }))).toBe('not_in_channel');
  expect(await refusal(web.chat.postEphemeral({ channel: ops, user: 'U0NONE', text: 'x' }))).toBe('user_not_found');
  expect(await refusal(client('xoxb-other').auth.test())).toBe('invalid_auth');
  expect(await refusal(client(slack.botToken).apps.connections.open({}))).toBe('not_allowed_token_type');
  slack.admin.setScopes(['chat:write']);
  const missing = await web.conversations.history({ channel: ops }).catch((error: { data: JsonMap }) => error.data);
  expect(missing).toMatchObject({ error: 'missing_scope', needed: 'channels:history', provided: 'chat:write' });
  slack.admin.refuseTokens('token_revoked');
  expect(await refusal(web.auth.test())).toBe('token_revoked');
});

test('lists come in pages, and each method has its limit', async () => {
  await begin({ maxPage: 2, limits: true });
  const said = Array.from({ length: 5 }, (_, index) => slack.people.say('ann', 'ops', `line ${index}`));
  const seen: unknown[] = [];
  for await (const page of web.paginate('conversations.history', { channel: ops }))
    seen.push(...((page as { messages?: { ts?: string }[] }).messages ?? []).map(({ ts }) => ts));
  expect(seen).toEqual(said.toReversed());
  const post = (): Promise<unknown> => refusal(web.chat.postMessage({ channel: ops, text: 'x' }));
  const answers = await Promise.all([post(), post(), post(), post()]);
  expect(answers.filter((one) => one === 'accepted')).toHaveLength(3);
  expect(answers).toContain('slack_webapi_rate_limited_error');
});

test('threads: replies are not in the history, and a parent that is deleted leaves a trace', async () => {
  await begin();
  const { ts = '' } = await web.chat.postMessage({ channel: ops, text: 'parent' });
  const reply = slack.people.say('ann', 'ops', 'reply', { thread: ts });
  const history = async () => (await web.conversations.history({ channel: ops })).messages ?? [];
  expect(await history()).toMatchObject([{ ts, thread_ts: ts, reply_count: 1 }]);
  expect((await web.conversations.replies({ channel: ops, ts })).messages).toMatchObject([{ ts }, { ts: reply }]);
  expect(await refusal(web.chat.postMessage({ channel: ops, text: 'x', thread_ts: reply }))).toBe(
    'cannot_reply_to_message',
  );
  await web.chat.delete({ channel: ops, ts });
  expect(await history()).toMatchObject([{ ts, subtype: 'tombstone' }]);
  expect(await refusal(web.chat.update({ channel: ops, ts, text: 'x' }))).toBe('message_not_found');
});

test('changes and deletions are events of their own; a preview of a link is a change without an edit', async () => {
  await begin();
  const bodies = await listen();
  const ts = slack.people.say('ann', 'ops', 'first');
  slack.people.edit('ann', 'ops', ts, 'second');
  slack.people.unfurl('ops', ts, 'a page');
  slack.people.react('ann', 'ops', ts, 'eyes');
  slack.people.remove('ops', ts);
  await until(() => bodies.length === 5);
  const [, edit, preview, reaction, deletion] = eventsOf(bodies);
  expect(edit).toMatchObject({
    subtype: 'message_changed',
    message: { ts, text: 'second', edited: { user: id('ann') } },
    previous_message: { text: 'first' },
  });
  expect(preview).toMatchObject({
    subtype: 'message_changed',
    message: { text: 'second' },
    previous_message: { text: 'second' },
  });
  expect(reaction).toMatchObject({ type: 'reaction_added', reaction: 'eyes', item: { ts, channel: ops } });
  expect(deletion).toMatchObject({ subtype: 'message_deleted', deleted_ts: ts });
});

test('a conversation is the same for the same people; a group of the platform cannot be emptied', async () => {
  await begin();
  const open = async (users: string): Promise<string> => (await web.conversations.open({ users })).channel?.id ?? '';
  const [ann, bob] = [id('ann'), id('bob')];
  expect(await open(ann)).toMatch(/^D/);
  expect(await open(ann)).toBe(await open(ann));
  expect(await open(`${ann},${bob}`)).toBe(await open(`${bob},${ann}`));
  expect(await refusal(open('U0NONE'))).toBe('user_not_found');
  const group = slack.admin.addGroup('oncall', ['ann']);
  await web.usergroups.users.update({ usergroup: group, users: bob });
  expect(slack.admin.groupOf('oncall')).toEqual([bob]);
  expect(await refusal(web.usergroups.users.update({ usergroup: group, users: '' }))).toBe('no_users_provided');
});

test('a file is uploaded, completed, and shown a moment later', async () => {
  await begin();
  await web.filesUploadV2({ channel_id: ops, file: Buffer.from('a,b'), filename: 't.csv', initial_comment: 'Look' });
  await until(() => slack.admin.shown('ops').length === 1);
  const [shown] = slack.admin.shown('ops');
  expect(shown).toMatchObject({ text: 'Look', files: [{ name: 't.csv' }] });
  const file = shown?.files[0]?.id ?? '';
  expect(slack.admin.fileText(file)).toBe('a,b');
  expect((await web.files.info({ file })).file?.shares).toMatchObject({ public: { [ops]: [{ ts: shown?.ts }] } });
});

test('faults: refused before, lost after, in HTML, cut off', async () => {
  await begin();
  const post = (): Promise<unknown> => refusal(web.chat.postMessage({ channel: ops, text: 'x' }));
  const outcomes: unknown[] = [];
  for (const kind of [
    'limited',
    'error',
    'html',
    'drop',
    'refuse',
    'unauthorised',
    'errorAfter',
    'dropAfter',
  ] as const) {
    slack.faults.next({ kind });
    outcomes.push([kind, await post(), slack.admin.shown('ops').length]);
  }
  expect(outcomes).toEqual([
    ['limited', 'slack_webapi_rate_limited_error', 0],
    ['error', 'slack_webapi_http_error', 0],
    ['html', 'slack_webapi_http_error', 0],
    ['drop', 'slack_webapi_request_error', 0],
    ['refuse', 'restricted_action', 0],
    ['unauthorised', 'invalid_auth', 0],
    ['errorAfter', 'slack_webapi_http_error', 1],
    ['dropAfter', 'slack_webapi_request_error', 2],
  ]);
  expect(await post()).toBe('accepted');
});

test('it runs as a process of its own', async () => {
  const remote = await spawnFakeSlack();
  cleanups.push(() => remote.close());
  await remote.admin.addUser('ann');
  const channel = await remote.admin.addChannel('ops', { members: ['ann', 'bell'] });
  const other = new WebClient('xoxb-bot', { slackApiUrl: remote.apiUrl, logger });
  await remote.faults.next({ kind: 'error' });
  expect(
    await refusal(
      new WebClient('xoxb-bot', {
        slackApiUrl: remote.apiUrl,
        retryConfig: { retries: 0 },
        logger,
      }).chat.postMessage({ channel, text: 'x' }),
    ),
  ).toBe('slack_webapi_http_error');
  await other.chat.postMessage({ channel, text: 'hello' });
  expect(await remote.admin.shown('ops')).toMatchObject([{ text: 'hello' }]);
  await expect(remote.admin.shown('none')).rejects.toThrow('channel_not_found');
});
