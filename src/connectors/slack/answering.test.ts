import { randomUUID } from 'node:crypto';
import { createSlackWorld, type SlackWorld } from '../../../test/fakes/slack/world.ts';
import { RecordingHost, sendOf } from '../conformance/host.ts';
import type { Connector, IncomingEvent } from '../connector.ts';

let world: SlackWorld;
let connector: Connector;
let host: RecordingHost;
const never = new AbortController().signal;
type Interaction = Extract<IncomingEvent, { type: 'interaction' }>;

beforeEach(async () => {
  world = await createSlackWorld();
  connector = await world.connect();
  host = new RecordingHost([world.room]);
  await connector.start(host);
});
afterEach(async () => {
  await connector.stop();
  await world.close();
});

async function received(): Promise<Interaction> {
  await host.until('the interaction', () => host.events.length > 0);
  const [event] = host.events;
  if (event?.type !== 'interaction') throw new Error(`not an interaction: ${JSON.stringify(event)}`);
  return event;
}

function answer(event: Interaction, text: string): Promise<string> {
  const { accountId } = event.sender;
  const to = { accountId, ...(event.respond && { respond: event.respond }) };
  const [part] = connector.render({ text }, { ring: false });
  const { thread } = event;
  return connector.perform(sendOf(event.room, part, { to, ...(thread !== undefined && { thread }) }), never);
}

const textsFor = (user?: string): string[] => world.slack.admin.shown(world.room, user).map(({ text }) => text);

test('a slash command is answered to the person who typed it, even in a channel that the bot is not in', async () => {
  const room = world.slack.admin.addChannel('elsewhere', { members: ['ann'] });
  await world.slack.people.command('ann', room, '/bell', 'help');
  await answer(await received(), 'only you see this');
  expect(world.slack.admin.shown(room, 'ann').map(({ text }) => text)).toEqual(['only you see this']);
  expect(world.slack.admin.shown(room)).toEqual([]);
});

test('a button press in a thread is answered there, and the message stays unchanged', async () => {
  const root = await connector.perform(
    sendOf(world.room, connector.render({ text: 'root' }, { ring: false })[0]),
    never,
  );
  const actions = [{ label: 'Ack', emoji: '👀', command: 'ack 1' }];
  const press = { message: randomUUID(), version: 1 };
  const [part] = connector.render({ text: 'alert', actions }, { ring: false, press });
  const target = await connector.perform(sendOf(world.room, part, { thread: root }), never);
  await world.press?.(target, 0);
  const event = await received();
  expect(event.thread).toBe(root);
  await answer(event, 'done');
  const mine = world.slack.admin.shown(world.room, 'ann').at(-1);
  expect(mine).toMatchObject({ text: 'done', thread: root.split(':')[1], onlyFor: world.people[0] });
  expect(textsFor()).toEqual(['root', 'alert']);
});

test('after five answers the response_url is used up, and ephemeral messages are posted instead', async () => {
  await world.command?.('help');
  const event = await received();
  for (let times = 1; times <= 7; times++) await answer(event, `answer ${times}`);
  expect(textsFor('ann')).toHaveLength(7);
  expect(textsFor('bob')).toEqual([]);
  expect(world.slack.counts['chat.postEphemeral']).toBe(2);
});

test('an answer with an unknown outcome is not reported as rejected, and is shown once', async () => {
  await world.command?.('help');
  const event = await received();
  world.slack.faults.next({ kind: 'dropAfter', on: ['response_url'] });
  await expect(answer(event, 'once')).rejects.not.toHaveProperty('code', 'WB_REJECTED');
  expect(textsFor('ann')).toEqual(['once']);
});

test('a slash command that cannot be stored in time is not acknowledged: the person sees it fail, and it is not run later', async () => {
  host.rejections = Number.POSITIVE_INFINITY;
  await world.command?.('ack 12');
  expect(world.slack.events.failures).toMatchObject([{ kind: 'slash_commands' }]);
  host.rejections = 0;
  await world.say?.('next');
  await host.until('the next event', () => host.events.length > 0);
  expect(host.events).toMatchObject([{ type: 'message', text: 'next' }]);
});

test('a different slash command of the app is ignored', async () => {
  await world.slack.people.command('ann', world.room, '/other', 'ack 12');
  await world.say?.('next');
  await host.until('the next event', () => host.events.length > 0);
  expect(host.events).toMatchObject([{ type: 'message', text: 'next' }]);
});
