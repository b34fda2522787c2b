import { hash } from 'node:crypto';
import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { Connector } from '../connector.ts';

let world: MatrixWorld;
let connectors: Connector[] = [];
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

beforeEach(async () => {
  world = await createMatrixWorld();
});
afterEach(async () => {
  for (const connector of connectors.splice(0)) await connector.stop();
  await world.close();
});

async function connect(): Promise<Connector> {
  const connector = await world.connect();
  connectors.push(connector);
  return connector;
}
const open = async (by: Connector, account = '@ann:fake.test'): Promise<string> =>
  (await by.openDirect?.(account, signal())) ?? '';

test('the conversation with a person is always one room, and a person who left is invited again', async () => {
  const [first, second] = [await connect(), await connect()];
  const rooms = await Promise.all([first, second, first].map((by) => open(by)));
  expect(new Set(rooms).size).toBe(1);
  const [room = ''] = rooms;
  world.homeserver.join('ann', room);
  world.homeserver.leave('ann', room);
  expect(await open(await connect())).toBe(room);
  expect(world.homeserver.roomsOf('ann')).toContain(room);
  expect(await open(first, '@bob:fake.test')).not.toBe(room);
});

test('a person who left is invited again when the same connector opens the conversation', async () => {
  const connector = await connect();
  const room = await open(connector, '@bob:fake.test');
  world.homeserver.join('bob', room);
  world.homeserver.leave('bob', room);
  expect(await open(connector, '@bob:fake.test')).toBe(room);
  expect(world.homeserver.roomsOf('bob')).toContain(room);
});

const ADDRESS = `watchbell-with-${hash('sha256', '@ann:fake.test', 'hex').slice(0, 32)}`;
/** Members of a room, including invited ones. */
const inside = (room: string): string[] =>
  [...world.homeserver.store.room(room).members]
    .filter(([, { membership }]) => membership === 'join' || membership === 'invite')
    .map(([id]) => id)
    .toSorted();
const BETWEEN = ['@ann:fake.test', '@bell:fake.test'];

test.each([
  ['invites the bot and Ann to it', { invite: ['bell', 'ann'] }],
  ['has the bot and Ann in it', { members: ['bell', 'ann'] }],
  ['lets nobody in', {}],
  ['lets everybody in', { public: true }],
])('a room that somebody else created under the address and that %s is not used', async (_, room) => {
  const theirs = world.homeserver.createRoom({ creator: 'bob', alias: ADDRESS, ...room });
  const before = inside(theirs);
  const ours = await open(await connect());
  expect(ours).not.toBe(theirs);
  expect(inside(ours)).toEqual(BETWEEN);
  expect(inside(theirs)).toEqual(before);
  expect(await open(await connect())).toBe(ours);
});

test("a room that somebody else created and left is not used, because its settings are not the bot's", async () => {
  const theirs = world.homeserver.createRoom({
    creator: 'bob',
    members: ['bell', 'ann'],
    alias: ADDRESS,
    public: true,
  });
  world.homeserver.leave('bob', theirs);
  expect(inside(theirs)).toEqual(BETWEEN);
  expect(await open(await connect())).not.toBe(theirs);
});

test("the bot's room is not used while others are in it or invited, and is used again after they leave", async () => {
  const connector = await connect();
  const first = await open(connector);
  world.homeserver.invite('bob', first);
  const second = await open(connector);
  expect(second).not.toBe(first);
  expect(inside(second)).toEqual(BETWEEN);
  world.homeserver.leave('bob', first);
  expect(await open(connector)).toBe(first);
});

test('an address that was redirected to another room of the bot is not used', async () => {
  const connector = await connect();
  const withBob = await open(connector, '@bob:fake.test');
  world.homeserver.setAlias(`#${ADDRESS}:fake.test`, withBob);
  const room = await open(connector);
  expect(room).not.toBe(withBob);
  expect(inside(withBob)).not.toContain('@ann:fake.test');
});

test('when all its addresses are taken, the error names those to remove', async () => {
  for (const nth of ['', '-2', '-3', '-4', '-5'])
    world.homeserver.createRoom({ creator: 'bob', members: ['bell'], alias: `${ADDRESS}${nth}` });
  await expect(open(await connect())).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: expect.stringContaining(`#${ADDRESS}:fake.test`),
  });
  expect(world.homeserver.counts.createRoom).toBeUndefined();
});
