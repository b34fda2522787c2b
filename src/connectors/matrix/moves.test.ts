import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { codeOf } from '../../errors.ts';
import { RecordingHost, sendOf } from '../conformance/host.ts';
import type { Connector } from '../connector.ts';

const OPS = '#ops:fake.test';
const signal = new AbortController().signal;
let world: MatrixWorld;
let connector: Connector;
let host: RecordingHost;
/** The host of this test's previous connector. */
let last: RecordingHost | undefined;

async function begin(rooms: readonly string[] = [OPS], room: Parameters<typeof createMatrixWorld>[1] = {}) {
  world = await createMatrixWorld({}, room);
  await restart(rooms);
}

async function restart(rooms: readonly string[]): Promise<void> {
  last = host = new RecordingHost(rooms, last);
  connector = await world.connect();
  await connector.start(host);
}

afterEach(async () => {
  last = undefined;
  await connector.stop();
  await world.close();
});

/** Sends like delivery: retries while the room is being replaced. */
async function send(text: string, room = OPS): Promise<void> {
  const operation = sendOf(room, connector.render({ text }, { ring: true })[0]);
  for (;;) {
    try {
      return void (await connector.perform(operation, signal));
    } catch (error) {
      if (codeOf(error) !== 'WB_MOVED') throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const detail = (of: string) => host.memberships.find(({ state }) => state === of)?.detail;
const textsIn = (room: string): string[] => world.homeserver.shown(room).map(({ text }) => text);
const movedTo = (room: string) =>
  host.until('moved', () => host.memberships.some((one) => one.state === 'moved' && one.room === room));

test.each(['10', '12'])(
  'when a room is upgraded (to version %s), the new room is joined, reported and used',
  async (version) => {
    await begin([OPS], { public: true });
    await send('before');
    const next = world.homeserver.upgradeRoom('ann', world.roomId, version);
    await movedTo(next);
    expect(detail('moved')).toBe(`the room was upgraded to ${next}`);
    expect(host.names.get(OPS)).toBe(next);
    await send('after');
    expect(textsIn(world.roomId)).toEqual(['before']);
    expect(textsIn(next)).toEqual(['after']);
    world.homeserver.say('ann', next, 'hello');
    await host.until('what is said there', () => host.texts().includes('hello'));
  },
);

test('a room configured by its id is followed too, even after a restart when the bot has left the old room', async () => {
  world = await createMatrixWorld({}, { public: true });
  await restart([world.roomId]);
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  await movedTo(next);
  expect(detail('moved')).toMatch(/put the new id into the configuration$/);
  await connector.stop();
  world.homeserver.leave('bell', world.roomId);
  await restart([world.roomId]);
  expect(host.names.get(world.roomId)).toBe(next);
  await send('after', world.roomId);
  expect(textsIn(next)).toEqual(['after']);
});

test('tombstones are followed, several in a row, while the directory still has the old room', async () => {
  await begin([OPS], { public: true });
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  world.homeserver.setAlias(OPS, world.roomId);
  await movedTo(next);
  const third = world.homeserver.upgradeRoom('ann', next, '12');
  world.homeserver.setAlias(OPS, world.roomId);
  await movedTo(third);
  await send('after');
  expect(textsIn(third)).toEqual(['after']);
});

test('an upgrade while the bot was offline is followed before anything is sent', async () => {
  await begin([OPS], { public: true });
  await connector.stop();
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  world.homeserver.setAlias(OPS, world.roomId);
  await restart([OPS]);
  expect(host.names.get(OPS)).toBe(next);
  await send('after');
  expect([textsIn(world.roomId), textsIn(next)]).toEqual([[], ['after']]);
});

test('if the new room is invite-only, messages wait for the invitation, which is accepted', async () => {
  await begin();
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  await host.until('told', () => host.memberships.some(({ state }) => state === 'left'));
  expect(detail('left')).toBe(`the room was upgraded to ${next}: invite @bell:fake.test there`);
  const sending = send('waits');
  world.homeserver.invite('bell', next);
  await sending;
  expect(textsIn(next)).toEqual(['waits']);
  await host.until('joined', () => host.memberships.some(({ room, state }) => room === next && state === 'joined'));
});

test('an invitation before the upgrade is seen is accepted, but not one that only claims to replace a room', async () => {
  await begin();
  const liar = world.homeserver.createRoom({
    creator: 'bob',
    create: { predecessor: { room_id: world.roomId, event_id: '$x' } },
  });
  world.homeserver.invite('bell', liar);
  await host.until('ignored', () => host.logged.includes('ignored an invitation to a room that is not configured'));
  await connector.stop();
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  world.homeserver.setAlias(OPS, null);
  world.homeserver.invite('bell', next);
  await restart([OPS, world.roomId]);
  await host.until('joined', () => host.memberships.some(({ room, state }) => room === next && state === 'joined'));
  expect(world.homeserver.membersOf(liar)).toEqual(['@bob:fake.test']);
});

test('a rejection reveals that an address moved, and the message goes to the new room', async () => {
  await begin();
  const next = world.homeserver.createRoom({ creator: 'ann', public: true });
  world.homeserver.setAlias(OPS, next);
  await send('not noticed yet');
  expect(textsIn(world.roomId)).toEqual(['not noticed yet']);
  const levels = { users: { '@ann:fake.test': 100 }, events_default: 50 };
  world.homeserver.setState('ann', world.roomId, 'm.room.power_levels', levels);
  await send('refused at first');
  expect(textsIn(next)).toEqual(['refused at first']);
  await movedTo(next);
  expect(detail('moved')).toBe(`its address now leads to ${next}`);
});

test.each<[string, (next: string) => void]>([
  [
    'the old room names another address',
    () => world.homeserver.setState('ann', world.roomId, 'm.room.canonical_alias', {}),
  ],
  ['the bot is removed from the old room', () => world.homeserver.kick('bell', world.roomId)],
  ['the bot is invited to the new room', (next) => world.homeserver.invite('bell', next)],
])('it notices that an address moved when %s', async (_, happens) => {
  await begin();
  const next = world.homeserver.createRoom({ creator: 'ann', public: true });
  world.homeserver.setState('ann', next, 'm.room.canonical_alias', { alias: OPS });
  world.homeserver.setAlias(OPS, next);
  happens(next);
  await movedTo(next);
});

test('an address that temporarily cannot be found keeps its room', async () => {
  await begin();
  world.homeserver.setAlias(OPS, null);
  world.homeserver.setState('ann', world.roomId, 'm.room.canonical_alias', {});
  world.homeserver.say('ann', world.roomId, 'still here?');
  await host.until('what is said there', () => host.texts().includes('still here?'));
  await send('yes');
  expect(textsIn(world.roomId)).toEqual(['still here?', 'yes']);
});

test('doctor reports that a room was upgraded, and to which', async () => {
  await begin();
  const next = world.homeserver.upgradeRoom('ann', world.roomId);
  const messages = async () =>
    (await connector.examine?.([OPS, world.roomId], signal))?.slice(2).map((one) => one.message);
  const invite = `the room was upgraded to ${next}: invite @bell:fake.test there`;
  expect(await messages()).toEqual([invite, invite]);
  world.homeserver.setAlias(OPS, world.roomId);
  expect(await messages()).toEqual([invite, invite]);
  world.homeserver.invite('bell', next);
  world.homeserver.join('bell', next);
  expect(await messages()).toEqual([
    `the room was upgraded to ${next}; joined, may post`,
    `the room was upgraded to ${next}; put that id into the configuration; joined, may post`,
  ]);
});

test('members of an upgraded room are those of the new one', async () => {
  await begin();
  await connector.stop();
  const visitor = await world.connect();
  try {
    const next = world.homeserver.upgradeRoom('ann', world.roomId);
    world.homeserver.invite('bell', next);
    world.homeserver.join('bell', next);
    const accounts = async (room: string) => (await visitor.members?.(room, signal))?.map(({ accountId }) => accountId);
    expect(await accounts(OPS)).toEqual(['@ann:fake.test']);
    world.homeserver.setAlias(OPS, world.roomId);
    expect(await accounts(OPS)).toEqual(['@ann:fake.test']);
  } finally {
    await visitor.stop();
  }
});
