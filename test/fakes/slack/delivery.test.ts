import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPReceiver } from '@slack/bolt';
import type { ReceiverEvent } from '@slack/bolt';
import { until } from '../../harness/until.ts';
import { map } from './json.ts';
import type { JsonMap } from './json.ts';
import { eventsOf, logger, refusal, Setting } from './setting.ts';

let setting: Setting;

afterEach(() => setting?.end());

const METADATA = { event_type: 'watchbell', event_payload: { key: 'k1' } };

test('typed text is escaped, host names become links, and a mention is two events', async () => {
  setting = await Setting.begin();
  const { slack, ops } = setting;
  const { bodies } = await setting.listen();
  slack.people.say('ann', 'ops', `${slack.people.mention('bell')} see https://a.test/x & web-1.example.com 👀`);
  await until(() => bodies.length === 2);
  const [message, mention] = eventsOf(bodies);
  expect(message).toMatchObject({
    type: 'message',
    user: setting.id('ann'),
    channel: ops,
    channel_type: 'channel',
    text: `<@${setting.id('bell')}> see <https://a.test/x> &amp; <http://web-1.example.com|web-1.example.com> :eyes:`,
  });
  expect(mention).toMatchObject({
    type: 'app_mention',
    ts: message?.['ts'],
    client_msg_id: message?.['client_msg_id'],
  });
  expect(bodies[0]?.['event_id']).toMatch(/^Ev/);
  expect(bodies[0]?.['event_id']).not.toBe(bodies[1]?.['event_id']);
});

test("the bot's own messages are events, and their metadata has its payload only when the app subscribes to it", async () => {
  for (const metadataSubscriptions of [[], ['watchbell']]) {
    setting = await Setting.begin({ metadataSubscriptions });
    const { bodies } = await setting.listen();
    await setting.post('mine', { metadata: METADATA });
    await until(() => bodies.length === 1);
    const { appId, botId } = setting.slack.workspace.app;
    const [own] = eventsOf(bodies);
    expect(own).toMatchObject({ bot_id: botId, app_id: appId, user: setting.id('bell') });
    expect(own?.['subtype']).toBeUndefined();
    expect(own?.['metadata']).toEqual(metadataSubscriptions.length > 0 ? METADATA : { event_type: 'watchbell' });
    await setting.end();
  }
});

test('an event that is not acknowledged in time is redelivered with the same id', async () => {
  setting = await Setting.begin({ ackTimeoutMs: 50 });
  let isRefused = true;
  const { bodies, client } = await setting.listen(() => {
    if (isRefused) throw new Error('not stored');
  });
  const retries: unknown[] = [];
  client.on(
    'slack_event',
    ({ retry_num: num, retry_reason: reason }: { retry_num: unknown; retry_reason: unknown }) => {
      retries.push([num, reason]);
      isRefused = false;
    },
  );
  setting.slack.people.say('ann', 'ops', 'hello');
  await until(() => bodies.length === 2 && setting.slack.events.pending() === 0);
  expect(bodies[0]?.['event_id']).toBe(bodies[1]?.['event_id']);
  expect(retries).toEqual([
    [0, ''],
    [1, 'timeout'],
  ]);
});

test('a message sent while no socket is open is in the history at once, and its event comes late', async () => {
  setting = await Setting.begin();
  const { slack, ops, web } = setting;
  const ts = slack.people.say('ann', 'ops', 'while away');
  await until(() => slack.events.pending() === 1);
  const { bodies } = await setting.listen();
  expect((await web.conversations.history({ channel: ops, oldest: '0' })).messages).toMatchObject([{ ts }]);
  expect(bodies).toEqual([]);
  await until(() => {
    slack.events.retryNow();
    return bodies.length > 0;
  });
  expect(eventsOf(bodies)).toMatchObject([{ ts, text: 'while away' }]);
});

test('each event goes to one of the open sockets', async () => {
  setting = await Setting.begin();
  const { slack } = setting;
  const one = await setting.listen();
  const two = await setting.listen();
  for (let count = 0; count < 10; count++) slack.people.say('ann', 'ops', `line ${count}`);
  await until(() => one.bodies.length + two.bodies.length === 10);
  expect([one.bodies.length, two.bodies.length]).toEqual([5, 5]);
  const gone = new Promise((resolve) => one.client.once('disconnected', resolve));
  slack.sockets.disconnect('refresh_requested');
  await gone;
  expect(slack.sockets.count()).toBe(0);
  const three = await setting.listen();
  slack.people.say('ann', 'ops', 'after it');
  await until(() => three.bodies.length === 1);
});

test('events can be held, reordered, lost and duplicated', async () => {
  setting = await Setting.begin();
  const { slack } = setting;
  const { bodies } = await setting.listen();
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
  expect(bodies[2]?.['event_id']).toBe(bodies[3]?.['event_id']);
});

test('edits and deletions are events; a link preview is message_changed without an edit', async () => {
  setting = await Setting.begin();
  const { people } = setting.slack;
  const { bodies } = await setting.listen();
  const ts = people.say('ann', 'ops', 'first');
  people.edit('ann', 'ops', ts, 'second');
  people.unfurl('ops', ts, 'a page');
  people.react('ann', 'ops', ts, 'eyes');
  people.remove('ops', ts);
  await until(() => bodies.length === 5);
  const [, edit, preview, reaction, deletion] = eventsOf(bodies);
  expect(edit).toMatchObject({
    subtype: 'message_changed',
    message: { ts, text: 'second', edited: { user: setting.id('ann') } },
    previous_message: { text: 'first' },
  });
  expect(preview).toMatchObject({
    subtype: 'message_changed',
    message: { text: 'second' },
    previous_message: { text: 'second' },
  });
  expect(map(preview?.['message'])['edited']).toEqual(map(map(preview?.['previous_message'])['edited']));
  expect(reaction).toMatchObject({ type: 'reaction_added', reaction: 'eyes', item: { ts, channel: setting.ops } });
  expect(deletion).toMatchObject({ subtype: 'message_deleted', deleted_ts: ts });
});

test('events of channels the bot is not in are not delivered, except for new public channels and its own removal', async () => {
  setting = await Setting.begin();
  const { people, admin } = setting.slack;
  const { bodies } = await setting.listen();
  people.createChannel('ann', 'secret', true);
  const made = people.createChannel('ann', 'made');
  people.say('ann', 'made', 'not delivered');
  people.invite('ann', 'made', 'bell');
  admin.renameChannel('made', 'renamed');
  people.kick('ann', 'renamed', 'bell');
  admin.uninstall();
  await until(() => bodies.length === 7);
  expect(eventsOf(bodies).map((event) => [event['type'], event['subtype']].filter(Boolean).join(' '))).toEqual([
    'channel_created',
    'member_joined_channel',
    'message channel_join',
    'channel_rename',
    'channel_left',
    'tokens_revoked',
    'app_uninstalled',
  ]);
  expect(eventsOf(bodies)[4]).toMatchObject({ channel: made });
  expect(await refusal(setting.web.auth.test())).toBe('account_inactive');
});

test('over HTTP requests are signed and redelivered when they fail, and the URL is verified', async () => {
  setting = await Setting.begin({ ackTimeoutMs: 500 });
  const { slack } = setting;
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
  const server = createServer((request, response) => receiver.requestListener(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  setting.onEnd(() => new Promise((resolve) => server.close(resolve)));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack`;
  expect(await slack.verifyUrl(address)).toBe(true);
  slack.setRequestUrl(address);
  slack.people.say('ann', 'ops', 'hello');
  await until(() => bodies.length === 2);
  expect(retries).toEqual([undefined, 1]);
  expect(bodies[1]?.['event_id']).toBe(bodies[0]?.['event_id']);
  await slack.people.command('ann', 'ops', '/bell', 'status & more');
  expect(bodies.at(-1)).toMatchObject({ command: '/bell', text: 'status & more' });
});
