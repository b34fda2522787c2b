import { replayDead } from '../../src/messages/dead-letters.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { createFakeHomeserver, type FakeHomeserver } from '../fakes/matrix/homeserver.ts';
import { until } from '../harness/until.ts';

const board = defineSkill({
  name: 'board',
  options: z.object({}),
  commands: {
    'put {key} {text...}': {
      help: 'shows a message under a key',
      run: ({ post, args }) => post('ops', args.key, args.text),
    },
    'tell {text...}': { help: 'answers', run: ({ args }) => String(args.text) },
  },
});

let homeserver: FakeHomeserver;
let bot: TestBot;
let room: string;

beforeEach(async () => {
  homeserver = await createFakeHomeserver();
  const { token } = homeserver.addUser('bell', { displayName: 'Watchbell' });
  homeserver.addUser('ann', { displayName: 'Ann Li' });
  room = homeserver.createRoom({ creator: 'ann', members: ['bell'], alias: 'ops' });
  bot = await startTestBot({
    skills: [board],
    secrets: { token },
    config: {
      connectors: { memory: {}, matrix: { homeserver: homeserver.url, token: { file: 'token' }, opsRoom: 'lobby' } },
      rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { matrix: '#ops:fake.test' } } },
    },
  });
});
afterEach(async () => {
  await bot.stop();
  await homeserver.close();
});

const textsIn = (one: string) =>
  homeserver
    .shown(one)
    .filter(({ sender }) => sender === '@bell:fake.test')
    .map(({ text }) => text);

test('after an upgrade, pending and changed messages are sent once to the new room, and none becomes a dead letter', async () => {
  await bot.say('put a shown before');
  await until(() => textsIn(room).includes('shown before'));
  await bot.say('put b shown and left alone');
  await until(() => textsIn(room).length === 2);

  // An attempt with an unknown outcome, when the room is closed.
  homeserver.faults.next({ kind: 'error', on: ['send'], times: 2 });
  const tries = homeserver.counts.send ?? 0;
  const saying = bot.say('put c waits');
  await until(() => (homeserver.counts.send ?? 0) > tries);
  const next = homeserver.upgradeRoom('ann', room);
  homeserver.invite('bell', next);
  await saying;
  await bot.say('put a changed after');
  await until(() => textsIn(next).length === 2);
  await bot.settle();
  expect(textsIn(next).toSorted()).toEqual(['changed after', 'waits']);
  await bot.say('put a changed again');
  await until(() => textsIn(next).includes('changed again'));
  expect(textsIn(next).toSorted()).toEqual(['changed again', 'waits']);
  expect(textsIn(room)).toEqual(['shown before', 'shown and left alone']);
  expect(await bot.query(`select 1 from messages where state = 'dead'`)).toEqual([]);
  await until(() => bot.texts().some((text) => text.replaceAll('\\', '').includes(`upgraded to ${next}`)));

  homeserver.say('ann', next, '!put d asked in the new room');
  await until(() => textsIn(next).includes('asked in the new room'));
  homeserver.say('ann', room, '!put e asked in the old room');
  homeserver.say('ann', next, '!put f asked last');
  await until(() => textsIn(next).includes('asked last'));
  expect(textsIn(next)).not.toContain('asked in the old room');
});

test('if the new room stays invite-only, the error has the remedy', async () => {
  const levels = { users: { '@ann:fake.test': 100 }, events_default: 50 };
  await bot.leave();
  const next = homeserver.upgradeRoom('ann', room);
  homeserver.setAlias('#ops:fake.test', room);
  homeserver.setState('ann', room, 'm.room.power_levels', levels);
  const again = await startTestBot({
    skills: [board],
    sharedWith: bot,
    secrets: { token: homeserver.addUser('bell', { displayName: 'Watchbell' }).token },
    config: {
      connectors: { memory: {}, matrix: { homeserver: homeserver.url, token: { file: 'token' }, opsRoom: 'lobby' } },
      rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { matrix: '#ops:fake.test' } } },
    },
  });
  try {
    await again.say('put a refused');
    const dead = () => again.query<{ reason: string }>(`select reason from messages where state = 'dead'`);
    await until(async () => (await dead()).length > 0);
    expect(await dead()).toEqual([{ reason: `the room was upgraded to ${next}: invite @bell:fake.test there` }]);
  } finally {
    await again.stop();
  }
});

test('a dead letter from before the move is sent to the new room when it changes or is replayed', async () => {
  for (const key of ['a', 'b']) await bot.say(`put ${key} shown before`);
  await until(() => textsIn(room).length === 2);
  await bot.query(`update messages set state = 'dead', reason = 'put out' where connector = 'matrix'`);
  const next = homeserver.upgradeRoom('ann', room);
  homeserver.invite('bell', next);
  await until(() => homeserver.store.room(next).isJoined('@bell:fake.test'));
  await bot.say('put a changed after');
  await until(() => textsIn(next).includes('changed after'));
  await replayDead((sql, parameters) => bot.query(sql, parameters), undefined);
  await until(() => textsIn(next).includes('shown before'));
});

test('messages in the old room are ignored, even if the room is configured by its id', async () => {
  await bot.leave();
  const again = await startTestBot({
    skills: [board],
    sharedWith: bot,
    secrets: { token: homeserver.addUser('bell', { displayName: 'Watchbell' }).token },
    config: {
      connectors: { memory: {}, matrix: { homeserver: homeserver.url, token: { file: 'token' }, opsRoom: 'lobby' } },
      rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { matrix: room } } },
    },
  });
  try {
    const next = homeserver.upgradeRoom('ann', room);
    homeserver.invite('bell', next);
    await until(() => homeserver.store.room(next).isJoined('@bell:fake.test'));
    homeserver.say('ann', next, '!tell first');
    await until(() => textsIn(next).includes('first'));
    homeserver.say('ann', room, '!tell in the old room');
    homeserver.say('ann', next, '!tell last');
    await until(() => textsIn(next).includes('last'));
    expect(textsIn(next)).not.toContain('in the old room');
  } finally {
    await again.stop();
  }
});
