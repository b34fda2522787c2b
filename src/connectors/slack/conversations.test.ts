import { randomUUID } from 'node:crypto';
import { createSlackWorld, type SlackWorld } from '../../../test/fakes/slack/world.ts';
import type { Connector } from '../connector.ts';

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

const group = (people: readonly string[]) =>
  connector.openGroup?.({ uuid: randomUUID(), people, name: 'Coffee' }, never);
const members = (room: string) => connector.members?.(room, never);

test('all members of a large room are listed, with bots and guests marked, and without deactivated accounts', async () => {
  const { admin } = world.slack;
  const many = Array.from({ length: 250 }, (_, index) => admin.addUser(`user${index}`));
  admin.addUser('deploys', { bot: true });
  admin.addUser('visitor', { guest: 'single' });
  admin.addUser('gone', { deleted: true });
  const room = admin.addChannel('all', { members: ['bell', ...many, 'deploys', 'visitor', 'gone'] });
  const found = (await members(room)) ?? [];
  expect(found).toHaveLength(252);
  expect(found.filter(({ bot }) => bot).map(({ name }) => name)).toEqual(['deploys']);
  expect(found.filter(({ guest }) => guest).map(({ name }) => name)).toEqual(['visitor']);
  // One call per member would take more than two minutes at Slack's rate limit.
  expect(world.slack.counts['users.info'] ?? 0).toBeLessThan(30);
});

test('without users:read, people are shown as ids and treated as guests', async () => {
  world.slack.admin.setScopes(['channels:read']);
  expect(await members(world.room)).toEqual(
    world.people.map((id) => ({ accountId: id, name: id, bot: false, guest: true })),
  );
});

test('a group conversation has at most eight people', async () => {
  const people = Array.from({ length: 9 }, (_, index) => world.slack.admin.addUser(`user${index}`));
  const room = await group(people.slice(0, 8));
  expect(world.slack.admin.membersOf(room ?? '')).toHaveLength(9);
  await expect(group(people)).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: 'Slack opens conversations of up to 8 people; this one would have 9',
  });
});

test('bots and deactivated accounts cannot get a direct message', async () => {
  const bot = world.slack.admin.addUser('deploys', { bot: true });
  const gone = world.slack.admin.addUser('gone', { deleted: true });
  for (const account of [bot, gone, 'U0NOBODY'])
    await expect(connector.openDirect?.(account, never)).rejects.toMatchObject({ code: 'WB_REJECTED' });
});

test('a user group can be given by id or handle', async () => {
  const id = world.slack.admin.addGroup('sre', ['ann']);
  for (const name of [id, 'sre', '@sre']) {
    await connector.setGroup?.(name, [], never);
    await connector.setGroup?.(name, [world.people[1]], never);
    expect(world.slack.admin.groupOf('sre')).toEqual([world.people[1]]);
  }
  await expect(connector.setGroup?.('nosuch', [], never)).rejects.toMatchObject({
    reason: expect.stringContaining('@nosuch'),
  });
});

test('a topic is truncated to the limit of Slack', async () => {
  await connector.setTopic?.(world.room, `<!channel> ${'😀'.repeat(200)}`, never);
  const topic = world.slack.admin.topicOf(world.room);
  expect(topic).toMatch(/^&lt;!channel&gt; 😀+/);
  expect(topic.isWellFormed()).toBe(true);
});
