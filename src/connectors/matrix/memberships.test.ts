import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { memoryEnvironment, type MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { RecordingHost, sendOf } from '../conformance/host.ts';
import { Memberships } from './memberships.ts';
import { perform } from './perform.ts';
import { renderMatrix } from './render.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';

const OPS = '#ops:fake.test';
const userId = '@bell:fake.test';

/** Memberships of the bot in `#ops`, with a movable clock. */
async function start(world: MatrixWorld) {
  const requests = new Requests(world.homeserver.url);
  requests.token = 'bot-token';
  const rooms = new Rooms(requests);
  rooms.setJoined(world.roomId, true);
  const host = new RecordingHost([OPS]);
  const stopping = new AbortController();
  const inBackground: Promise<void>[] = [];
  const clock = { nowMs: 1000 };
  const memberships = new Memberships({
    ...{ rooms, host, userId, signal: stopping.signal, state: memoryEnvironment({}).state },
    inBackground: (work) => void inBackground.push(work),
    monotonic: () => clock.nowMs,
  });
  await memberships.find();
  const send = (): Promise<string> => {
    const by = { requests, rooms, moves: memberships, userId, isGone: () => false };
    return perform(by, sendOf(OPS, renderMatrix({ text: 'x' }, { ring: true })[0]), stopping.signal);
  };
  const end = async (): Promise<void> => {
    stopping.abort();
    await Promise.allSettled(inBackground);
    requests.close();
    await world.close();
  };
  return { memberships, host, clock, send, end, settled: () => Promise.all(inBackground.splice(0)) };
}

test('after an upgrade messages wait a minute for the invitation, and are then rejected with the remedy', async () => {
  const world = await createMatrixWorld();
  const { memberships, clock, send, end, settled } = await start(world);
  try {
    const next = world.homeserver.upgradeRoom('ann', world.roomId);
    memberships.recheck(world.roomId);
    expect(await settled()).toHaveLength(1);
    await expect(send()).rejects.toMatchObject({ code: 'WB_MOVED', retryAfterMs: 2000 });
    clock.nowMs += 59_000;
    await expect(send()).rejects.toMatchObject({ code: 'WB_MOVED' });
    clock.nowMs += 2000;
    await expect(send()).rejects.toMatchObject({
      code: 'WB_REJECTED',
      reason: `the room was upgraded to ${next}: invite ${userId} there`,
    });
  } finally {
    await end();
  }
});

test("while the core forgets the old room's messages, nothing is sent to either room", async () => {
  const world = await createMatrixWorld({}, { public: true });
  const { memberships, host, send, end, settled } = await start(world);
  try {
    let finish = (): void => {};
    const forgotten = new Promise<void>((resolve) => (finish = resolve));
    host.resolved = async () => await forgotten;
    const next = world.homeserver.upgradeRoom('ann', world.roomId);
    memberships.switchTo(OPS, { room: next, upgraded: undefined });
    await Promise.resolve();
    await expect(send()).rejects.toMatchObject({ code: 'WB_MOVED' });
    finish();
    await settled();
    await send();
    expect(world.homeserver.shown(world.roomId)).toEqual([]);
    expect(world.homeserver.shown(next)).toHaveLength(1);
  } finally {
    await end();
  }
});

test('every address is looked up again every ten minutes', async () => {
  const world = await createMatrixWorld();
  const { memberships, host, clock, end } = await start(world);
  const maintaining: Promise<void>[] = [];
  try {
    const next = world.homeserver.createRoom({ creator: 'ann', public: true });
    world.homeserver.setAlias(OPS, next);
    const before = world.homeserver.counts.directory;
    clock.nowMs += 9 * 60_000;
    maintaining.push(memberships.maintain(new Map([['#none:fake.test', 'not there']])));
    await host.until('the round begins', () => host.memberships.length > 0);
    expect(world.homeserver.counts.directory).toBe(before);
    clock.nowMs += 60_000;
    maintaining.push(memberships.maintain(new Map()));
    await host.until('moved', () => host.memberships.some(({ room, state }) => room === next && state === 'moved'));
  } finally {
    await end();
    await Promise.allSettled(maintaining);
  }
});
