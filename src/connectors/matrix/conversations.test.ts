import { randomUUID } from 'node:crypto';
import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { RecordingHost } from '../conformance/host.ts';
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

async function connect(...given: Parameters<MatrixWorld['connect']>): Promise<Connector> {
  const connector = await world.connect(...given);
  connectors.push(connector);
  return connector;
}

const conversation = () => ({ uuid: randomUUID(), people: ['@ann:fake.test', '@bob:fake.test'], name: 'Coffee' });

test('members have their names, guests are recognised, and people who left are not listed', async () => {
  world.homeserver.addUser('@12:fake.test', { displayName: 'a\nguest' });
  world.homeserver.join('@12:fake.test', world.roomId);
  world.homeserver.leave('bob', world.roomId);
  const members = await (await connect()).members?.('#ops:fake.test', signal());
  expect(members).toEqual([
    { accountId: '@ann:fake.test', name: 'Ann Li', guest: false, bot: false },
    { accountId: '@12:fake.test', name: 'a guest', guest: true, bot: false },
  ]);
});

test('the invitations are part of the request that creates the room', async () => {
  const room = await (await connect()).openGroup?.(conversation(), signal());
  expect(world.homeserver.counts.createRoom).toBe(1);
  expect(world.homeserver.counts.invite).toBeUndefined();
  expect(world.homeserver.roomsOf('ann')).toContain(room);
});

test('two replicas that create it at the same moment get one room', async () => {
  world.homeserver.makingRoomMs = 500;
  const one = conversation();
  const [first, second] = [await connect(), await connect()];
  const rooms = await Promise.all([first.openGroup?.(one, signal()), second.openGroup?.(one, signal())]);
  expect(world.homeserver.counts.createRoom).toBe(2);
  expect(new Set(rooms).size).toBe(1);
  expect(world.homeserver.roomsOf('ann')).toContain(rooms[0]);
});

test('only people who left a conversation are invited again when it is reopened', async () => {
  const connector = await connect();
  const one = conversation();
  const room = (await connector.openGroup?.(one, signal())) ?? '';
  world.homeserver.join('ann', room);
  world.homeserver.leave('bob', room);
  expect(await connector.openGroup?.(one, signal())).toBe(room);
  expect(world.homeserver.counts.invite).toBe(1);
  expect(world.homeserver.roomsOf('bob')).toContain(room);
});

test('a rate limit for creating rooms is reported with the time to wait', async () => {
  world.homeserver.setRoomRate({ perSecond: 0.016, burst: 1 });
  const connector = await connect();
  await connector.openGroup?.(conversation(), signal());
  await expect(connector.openGroup?.(conversation(), signal())).rejects.toMatchObject({
    code: 'WB_RATE_LIMITED',
    retryAfterMs: expect.any(Number),
  });
});

test('a person who cannot be invited causes a permanent rejection with the reason', async () => {
  const connector = await connect();
  const one = { ...conversation(), people: ['@ann:fake.test', '@gone:fake.test'] };
  await expect(connector.openGroup?.(one, signal())).rejects.toMatchObject({
    code: 'WB_REJECTED',
    reason: expect.stringMatching(/invitation|gone/),
  });
});

test('another replica uses a separate device, and the running bot stays logged in', async () => {
  const login = { token: undefined, user: 'bell', password: { file: 'password' } };
  const running = await connect(login);
  const host = new RecordingHost([world.room]);
  await running.start(host);
  const visitor = await world.connect(login);
  expect(await visitor.members?.(world.room, signal())).toHaveLength(2);
  const sessions = world.homeserver.store.sessions.size;
  await visitor.stop();
  expect(world.homeserver.store.sessions.size).toBe(sessions - 1);
  world.homeserver.say('ann', world.roomId, 'still there?');
  await host.until('the message', () => host.events.length === 1);
});
