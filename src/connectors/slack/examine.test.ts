import { createSlackWorld, type SlackWorld } from '../../../test/fakes/slack/world.ts';
import type { Connector, Finding } from '../connector.ts';
import { FURTHER_SCOPES, SCOPES } from './scopes.ts';

let world: SlackWorld;
let connector: Connector;

beforeEach(async () => {
  world = await createSlackWorld();
  connector = await world.connect();
});
afterEach(async () => {
  await connector.stop();
  await world.close();
});

const examine = async (...rooms: string[]): Promise<readonly Finding[]> =>
  (await connector.examine?.(rooms, AbortSignal.timeout(10_000))) ?? [];
const problems = async (...rooms: string[]) => (await examine(...rooms)).filter(({ ok }) => !ok);

test('with everything in order, the tokens, the scopes and the room are reported as ok', async () => {
  expect(await examine(world.room)).toEqual([
    { ok: true, what: 'bot token', message: 'posts as @bell in Fake' },
    { ok: true, what: 'app token', message: 'opens Socket Mode' },
    { ok: true, what: 'scopes', message: 'all granted' },
    { ok: true, what: `room ${world.room}`, message: '#ops: joined, may post' },
  ]);
});

test('each missing scope is listed, with what does not work and where to add it', async () => {
  world.slack.admin.setScopes(['channels:read']);
  const found = await problems();
  const wanted = [...SCOPES.map(({ scope }) => scope), 'commands'].filter((scope) => scope !== 'channels:read');
  expect(found.map(({ what }) => what)).toEqual(wanted.map((scope) => `scope ${scope}`));
  for (const { message } of found)
    expect(message).toMatch(/^missing: .+; add it under "OAuth & Permissions".*reinstall/);
});

test('a missing optional scope is not a problem', async () => {
  world.slack.admin.setScopes([...SCOPES.map(({ scope }) => scope), 'commands']);
  const found = await examine();
  expect(found.filter(({ ok }) => !ok)).toEqual([]);
  expect(found.filter(({ message }) => message.startsWith('not granted'))).toHaveLength(FURTHER_SCOPES.length);
});

test('the finding for a room that the bot is not in says how to invite it', async () => {
  const open = world.slack.admin.addChannel('elsewhere', { members: ['ann'] });
  const closed = world.slack.admin.addChannel('secret', { members: ['ann'], private: true });
  const old = world.slack.admin.addChannel('old', { members: ['bell'], archived: true });
  expect(await problems(open, closed, old)).toMatchObject([
    { what: `room ${open}`, message: '#elsewhere: the bot is not in it: type /invite @bell there' },
    { what: `room ${closed}`, message: expect.stringContaining('/invite @bell') },
    { what: `room ${old}`, message: expect.stringContaining('archived') },
  ]);
});

test('a rejected token is a finding, not an exception', async () => {
  world.slack.admin.refuseTokens('not_allowed_token_type', ['app']);
  expect(await problems()).toMatchObject([
    { what: 'app token', message: expect.stringContaining('connections:write') },
  ]);
  world.slack.admin.refuseTokens('token_revoked');
  expect(await problems()).toMatchObject([{ what: 'bot token', message: expect.stringContaining('token_revoked') }]);
  await connector.stop();
  await world.slack.close();
  connector = await world.connect();
  expect(await problems()).toMatchObject([
    { what: 'bot token', message: expect.stringContaining('cannot be reached') },
  ]);
});
