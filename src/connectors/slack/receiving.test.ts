import { createSlackWorld, type SlackWorld } from '../../../test/fakes/slack/world.ts';
import { newKey, RecordingHost, sendOf } from '../conformance/host.ts';
import { keyText, type Connector } from '../connector.ts';

let world: SlackWorld;
let connector: Connector;
let host: RecordingHost;
/** Slack's clock, if it differs from ours. */
let nowMs: number | undefined;
const connectors: Connector[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
const never = new AbortController().signal;

async function start(before?: RecordingHost): Promise<void> {
  connector = await world.connect();
  connectors.push(connector);
  host = new RecordingHost([world.room], before);
  await connector.start(host);
}

beforeEach(async () => {
  process.on('unhandledRejection', note);
  nowMs = undefined;
  world = await createSlackWorld('socket', { now: () => nowMs ?? Date.now() });
  await start();
});
afterEach(async () => {
  for (const one of connectors.splice(0)) await one.stop();
  await world.close();
  // Unhandled rejections are reported once their promises have settled.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

const say = (text: string): string => world.slack.people.say('ann', world.room, text);
const received = (text: string): Promise<void> => host.until(text, () => host.texts().includes(text));

describe('a connection that Slack renews', () => {
  test.each(['warning', 'refresh_requested', 'too_many_websockets'] as const)(
    'misses nothing that is sent in the meantime: %s',
    async (reason) => {
      for (let round = 0; round < 3; round++) {
        say(`before ${round}`);
        world.slack.sockets.disconnect(reason);
        say(`meanwhile ${round}`);
        await received(`meanwhile ${round}`);
      }
      say('after');
      await received('after');
      expect(host.texts()).toEqual(
        [0, 1, 2].flatMap((round) => [`before ${round}`, `meanwhile ${round}`]).concat('after'),
      );
      expect(host.states).not.toContain(false);
      expect(host.failures).toEqual([]);
    },
  );

  test('acknowledges on the new one what arrived on the old one', async () => {
    host.rejections = 2;
    say('stored late');
    world.slack.sockets.disconnect('refresh_requested');
    await received('stored late');
    say('after');
    await received('after');
    expect(host.texts()).toEqual(['stored late', 'after']);
  });
});

test('messages from before the first start are not delivered late', async () => {
  await connector.stop();
  say('long ago');
  await start();
  world.slack.events.retryNow();
  say('now');
  await received('now');
  expect(host.texts()).toEqual(['now']);
});

test('lost events are read from the history, in order and once', async () => {
  say('one');
  await received('one');
  world.slack.events.drop(true);
  say('two');
  say('three');
  world.slack.events.drop(false);
  world.slack.sockets.cut();
  await received('three');
  say('four');
  await received('four');
  expect(host.texts()).toEqual(['one', 'two', 'three', 'four']);
});

test('a redelivered event, and a mention that arrives as two events, become one event', async () => {
  world.slack.events.duplicate(2);
  world.slack.people.say('ann', world.room, `${world.slack.people.mention('bell')} ack 12`);
  say('next');
  await received('next');
  expect(host.texts()).toEqual(['ack 12', 'next']);
  expect(host.events[0]).toMatchObject({ mentionsBot: true });
});

test('missed replies in threads are read, even in old threads', async () => {
  const root = say('root');
  await received('root');
  await connector.stop();
  world.slack.people.say('ann', world.room, 'reply', { thread: root });
  world.slack.people.say('ann', world.room, 'shown twice', { thread: root, broadcast: true });
  say('last');
  await start(host);
  await received('last');
  expect(host.texts()).toEqual(['reply', 'shown twice', 'last']);
  expect(host.events[0]).toMatchObject({ thread: `${world.room}:${root}` });
});

test('more than one page of missed messages is read', async () => {
  await connector.stop();
  const lines = Array.from({ length: 450 }, (_, index) => `line ${index}`);
  for (const line of lines) say(line);
  await start(host);
  await received('line 449');
  expect(host.texts()).toEqual(lines);
});

test('messages from before the bot was invited are ignored', async () => {
  await connector.stop();
  const { admin, people } = world.slack;
  const room = admin.addChannel('new', { members: ['ann'] });
  people.say('ann', room, 'silence everything');
  people.invite('ann', room, 'bell');
  people.say('ann', room, 'welcome');
  await start(host);
  await received('welcome');
  expect(host.texts()).toEqual(['welcome']);
});

test('missed direct messages are read', async () => {
  const direct = await connector.openDirect?.(world.people[0], never);
  await connector.stop();
  world.slack.people.say('ann', direct ?? '', 'help');
  await start(host);
  await received('help');
  expect(host.events).toMatchObject([{ direct: true, room: direct }]);
});

test('an unconfirmed send is confirmed by the history', async () => {
  await connector.stop();
  const key = newKey();
  const other = await world.connect();
  connectors.push(other);
  const id = await other.perform(sendOf(world.room, other.render({ text: 'x' }, { ring: false })[0], { key }), never);
  await start(host);
  await host.until('the echo', () => host.echoes.length > 0);
  expect(host.echoes).toEqual([{ key: keyText(key), remoteId: id }]);
});

test('without the scope to list its rooms, the bot catches up on the configured ones', async () => {
  await connector.stop();
  say('while away');
  world.slack.admin.setScopes(['channels:history', 'users:read', 'chat:write']);
  await start(host);
  await received('while away');
});

test('reading the history is retried until it succeeds', async () => {
  await connector.stop();
  say('while away');
  world.slack.faults.next({ kind: 'html', on: ['users.conversations'] });
  world.slack.faults.next({ kind: 'error', on: ['conversations.history'], times: 2 });
  await start(host);
  say('meanwhile');
  await received('meanwhile');
  expect(host.texts()).toEqual(['while away', 'meanwhile']);
});

test('a crash while catching up skips nothing', async () => {
  const other = world.slack.admin.addChannel('other', { members: ['bell', 'ann'] });
  await connector.stop();
  // Before the overlap that is reread after any gap.
  nowMs = Date.now() - 20 * 60_000;
  world.slack.people.say('ann', other, 'missed elsewhere');
  nowMs = undefined;
  host.cursor = [60, 30].map((minutes) => `${Date.now() / 1000 - minutes * 60}`).join('/');
  world.slack.faults.next({ kind: 'hang', on: ['conversations.history'], channel: other, times: 9 });
  await start(host);
  say('live');
  await received('live');
  await connector.stop();
  world.slack.faults.clear();
  await start(host);
  await received('missed elsewhere');
});

describe('a rejected token', () => {
  test('stops this connector, without an unhandled error', async () => {
    world.slack.admin.uninstall();
    await host.until('the failure', () => host.failures.length > 0);
    expect(host.failures[0]).toMatchObject({ code: 'WB_UNAUTHORISED', message: expect.stringContaining('reinstall') });
  });

  test.each(['app', 'bot'] as const)('is noticed on reconnecting: the %s token', async (kind) => {
    world.slack.admin.refuseTokens('token_revoked', [kind]);
    world.slack.sockets.cut();
    await host.until('the failure', () => host.failures.length > 0);
    expect(host.failures).toMatchObject([{ code: 'WB_UNAUTHORISED' }]);
    expect(host.states.at(-1)).toBe(false);
  });
});

test('a failed request for a Socket Mode address is retried', async () => {
  world.slack.faults.next({ kind: 'html', on: ['apps.connections.open'], times: 2 });
  world.slack.faults.next({ kind: 'limited', on: ['apps.connections.open'], retryAfterSeconds: 1 });
  world.slack.sockets.cut();
  say('meanwhile');
  await received('meanwhile');
  expect(host.states.slice(-2)).toEqual([false, true]);
});

test('unreadable messages from Slack are skipped', async () => {
  for (const frame of [
    'null',
    '{"type":"events_api","envelope_id":"1"}',
    '{"type":"events_api","payload":{}}',
    'not JSON',
    '[]',
  ])
    world.slack.sockets.sendRaw(frame);
  say('next');
  await received('next');
});

test('a new channel is joined only if joinNewChannels is set', async () => {
  const { people, admin, workspace } = world.slack;
  const quiet = people.createChannel('ann', 'quiet');
  say('next');
  await received('next');
  expect(admin.membersOf(quiet)).not.toContain(workspace.app.userId);
  await connector.stop();
  connector = await world.connect({ joinNewChannels: true });
  connectors.push(connector);
  host = new RecordingHost([world.room]);
  await connector.start(host);
  const loud = people.createChannel('ann', 'loud');
  await host.until('joined', () => host.memberships.length > 0);
  expect(host.memberships).toMatchObject([{ room: loud, state: 'joined' }]);
});

test('the bot notices that it was removed from a channel', async () => {
  world.slack.people.kick('ann', world.room, 'bell');
  await host.until('left', () => host.memberships.length > 0);
  expect(host.memberships).toMatchObject([{ room: world.room, state: 'left' }]);
});
