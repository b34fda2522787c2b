import { createMatrixWorld } from '../../../test/fakes/matrix/world.ts';
import type { MatrixWorld } from '../../../test/fakes/matrix/world.ts';
import { newKey, RecordingHost, sendOf } from '../conformance/host.ts';
import { keyText, type Connector } from '../connector.ts';

let world: MatrixWorld;
let running: Connector[];

beforeEach(async () => {
  world = await createMatrixWorld();
  running = [];
});

afterEach(async () => {
  for (const connector of running) await connector.stop();
  await world.close();
});

async function start(host = new RecordingHost([world.room])): Promise<{ connector: Connector; host: RecordingHost }> {
  const connector = await world.connect();
  running.push(connector);
  await connector.start(host);
  return { connector, host };
}

async function stopAll(): Promise<void> {
  for (const connector of running.splice(0)) await connector.stop();
}

async function once(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('events have the room id, and the core is told which address it belongs to', async () => {
  const { host } = await start();
  await world.say('hi');
  await host.until('the message', () => host.events.length === 1);
  expect(host.events[0]?.room).toBe(world.roomId);
  expect(host.names.get('#ops:fake.test')).toBe(world.roomId);
  expect(host.events[0]?.sender).toEqual({ accountId: '@ann:fake.test', name: 'Ann Li', bot: false, guest: false });
  expect(host.events[0]?.direct).toBe(false);
});

test('after a gap everything since the cursor is fetched, in order, with echoes', async () => {
  const { connector, host } = await start();
  await world.say('before');
  await host.until('the first', () => host.texts().length === 1);
  await stopAll();
  const key = newKey();
  const part = connector.render({ text: 'mine' }, { ring: false })[0];
  const texts = Array.from({ length: 260 }, (_, index) => `missed ${index}`);
  for (const [index, text] of texts.entries()) {
    if (index === 130) await connector.perform(sendOf(world.room, part, { key }), new AbortController().signal);
    world.homeserver.say('ann', world.roomId, text);
  }
  const after = (await start(new RecordingHost([world.room], host))).host;
  await after.until('all', () => after.texts().length >= texts.length);
  expect(after.texts()).toEqual(texts);
  expect(after.echoes.map((echo) => echo.key)).toEqual([keyText(key)]);
  expect(after.history[0]).toBe(`echo ${keyText(key)}`); // and no cursor before it
});

test('a gap and a repeated batch lose nothing and duplicate nothing', async () => {
  const { host } = await start();
  await world.say('one');
  await host.until('one', () => host.texts().length === 1);
  world.homeserver.faults.next({ kind: 'gap' });
  world.homeserver.faults.next({ kind: 'redeliver' });
  // Sent at once: they arrive in one response, of which the gap leaves one.
  for (const text of ['two', 'three', 'four', 'five']) void world.say(text);
  await host.until('five', () => host.texts().includes('five'));
  await world.say('six');
  await host.until('six', () => host.texts().includes('six'));
  expect(host.texts()).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
});

test('of a gap with more than a thousand events, the newest are delivered', async () => {
  const { host } = await start();
  await world.say('first');
  await host.until('first', () => host.texts().length === 1);
  await stopAll();
  for (let index = 0; index < 1500; index += 1) world.homeserver.say('ann', world.roomId, `missed ${index}`);
  const after = (await start(new RecordingHost([world.room], host))).host;
  await after.until('the last', () => after.texts().includes('missed 1499'));
  expect(after.texts().length).toBeGreaterThanOrEqual(1000);
  expect(after.texts().length).toBeLessThan(1200);
  expect(after.logged).toContain('gap in a room is too long; its oldest events are skipped');
});

test('messages from before the bot joined are not delivered, even if it joined long ago or during a gap', async () => {
  const other = world.homeserver.createRoom({ creator: 'ann', alias: 'late' });
  const { host } = await start(new RecordingHost([world.room, '#late:fake.test']));
  for (const text of ['count to 10', 'stop']) world.homeserver.say('ann', other, text);
  world.homeserver.invite('bell', other);
  await once('joined', () => world.homeserver.membersOf(other).includes('@bell:fake.test'));
  world.homeserver.say('ann', other, 'welcome');
  await host.until('the greeting', () => host.texts().includes('welcome'));
  expect(host.texts()).toEqual(['welcome']);
  await host.until('told', () => host.memberships.length > 0);
  expect(host.memberships).toEqual([{ room: other, state: 'joined', detail: undefined }]);

  // While offline it is removed, misses a message, is added again, and many messages follow.
  await stopAll();
  world.homeserver.kick('bell', other);
  world.homeserver.say('ann', other, 'secret');
  world.homeserver.invite('bell', other);
  world.homeserver.join('bell', other);
  const texts = Array.from({ length: 120 }, (_, index) => `later ${index}`);
  for (const text of texts) world.homeserver.say('ann', other, text);
  const after = (await start(new RecordingHost([world.room, '#late:fake.test'], host))).host;
  await after.until('the last', () => after.texts().includes('later 119'));
  expect(after.texts()).toEqual(texts);
});

test('an invitation is accepted only for a configured room, and not if its address is fake', async () => {
  const { host } = await start();
  const stranger = world.homeserver.createRoom({ creator: 'bob' });
  world.homeserver.setState('bob', stranger, 'm.room.canonical_alias', { alias: '#ops:fake.test' });
  world.homeserver.invite('bell', stranger);
  await host.until('the refusal', () => host.logged.includes('ignored an invitation to a room that is not configured'));
  expect(world.homeserver.membersOf(stranger)).toEqual(['@bob:fake.test']);
  expect(host.names.get('#ops:fake.test')).toBe(world.roomId);
});

test('accepting an invitation is retried', async () => {
  const other = world.homeserver.createRoom({ creator: 'ann' });
  world.homeserver.invite('bell', other);
  world.homeserver.faults.next({ kind: 'limited', on: ['join'] });
  const { host } = await start(new RecordingHost([world.room, other]));
  await host.until('joined', () => host.memberships.some(({ room, state }) => room === other && state === 'joined'));
});

test('a public configured room is joined, and any other is reported once, with the remedy', async () => {
  const open = world.homeserver.createRoom({ creator: 'ann', alias: 'open', public: true });
  const closed = world.homeserver.createRoom({ creator: 'ann', alias: 'closed' });
  const { host } = await start(
    new RecordingHost([world.room, '#open:fake.test', '#closed:fake.test', '#none:fake.test']),
  );
  await host.until('joined', () => host.memberships.some(({ room, state }) => room === open && state === 'joined'));
  await host.until('both told', () => host.memberships.filter(({ state }) => state === 'left').length === 2);
  expect(host.memberships.find(({ room }) => room === closed)?.detail).toBe(
    'not a member and not invited: invite @bell:fake.test to #closed:fake.test',
  );
  expect(host.memberships.find(({ room }) => room === '#none:fake.test')?.detail).toMatch(
    /^no room has the address #none:fake.test/,
  );
});

test('removal from a room is reported with who did it and why, and the bot does not rejoin uninvited', async () => {
  const open = world.homeserver.createRoom({ creator: 'ann', alias: 'open', public: true, members: ['bell'] });
  const { host } = await start(new RecordingHost([world.room, '#open:fake.test']));
  world.homeserver.kick('bell', open, 'too loud');
  await host.until('told', () => host.memberships.some(({ state }) => state === 'left'));
  expect(host.memberships).toEqual([{ room: open, state: 'left', detail: 'removed by @ann:fake.test: too loud' }]);
});

test('an encrypted room is reported only once', async () => {
  const { host } = await start();
  world.homeserver.setState('ann', world.roomId, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' });
  await host.until('told', () => host.memberships.length === 1);
  expect(host.memberships[0]).toMatchObject({ room: world.roomId, state: 'encrypted' });
  world.homeserver.send('ann', world.roomId, 'm.room.encrypted', {
    ciphertext: 'x',
    algorithm: 'm.megolm.v1.aes-sha2',
  });
  await world.say('plain all the same');
  await host.until('the message', () => host.texts().length === 1);
  await stopAll();
  const again = (await start(new RecordingHost([world.room], host))).host;
  await world.say('hello');
  await again.until('the message', () => again.texts().includes('hello'));
  expect([...host.memberships, ...again.memberships]).toHaveLength(1);
});

test('joining a room that is already encrypted is reported too', async () => {
  const crypt = world.homeserver.createRoom({ creator: 'ann', alias: 'crypt', encrypted: true });
  const { host } = await start(new RecordingHost([world.room, '#crypt:fake.test']));
  world.homeserver.invite('bell', crypt);
  await host.until('told', () => host.memberships.some(({ room, state }) => room === crypt && state === 'encrypted'));
});

test('a room with one other person, or marked as direct, is direct', async () => {
  const pair = world.homeserver.createRoom({ creator: 'ann', members: ['bell'] });
  world.homeserver.setDirect('bell', { '@ann:fake.test': [world.roomId] });
  const { host } = await start(new RecordingHost([world.room, pair]));
  world.homeserver.say('ann', pair, 'in the pair');
  world.homeserver.say('ann', world.roomId, 'marked');
  await host.until('both', () => host.events.length === 2);
  expect(host.events.map(({ direct }) => direct)).toEqual([true, true]);
  world.homeserver.join('bob', pair);
  world.homeserver.say('ann', pair, 'three of us');
  await host.until('the third', () => host.texts().includes('three of us'));
  expect(host.events.at(-1)?.direct).toBe(false);
});

test('while the homeserver fails, requests are made with a backoff', async () => {
  const { host } = await start();
  world.homeserver.faults.next({ kind: 'error', on: ['sync'], times: 4 });
  await world.say('wakes the sync');
  const before = world.homeserver.counts.sync ?? 0;
  await host.until('down', () => host.states.at(-1) === false);
  await host.until('up', () => host.states.at(-1) === true);
  expect(world.homeserver.counts.sync).toBeLessThan(before + 8);
  await world.say('still here');
  await host.until('the message', () => host.texts().includes('still here'));
  expect(host.texts()).toEqual(['wakes the sync', 'still here']);
});

test('a token that is revoked while receiving ends the connector with one clear sentence', async () => {
  const { host } = await start();
  world.homeserver.logout('bell');
  world.homeserver.setDirect('bell', {});
  await world.say('x');
  world.homeserver.faults.next({ kind: 'dropAfter', on: ['sync'] });
  await host.until('failed', () => host.failures.length === 1, 40_000);
  expect(host.failures[0]).toMatchObject({ code: 'WB_UNAUTHORISED' });
}, 60_000);

test('a token without a device is rejected with the remedy', async () => {
  world.homeserver.addUser('bell', { token: 'bot-token', deviceId: null });
  await expect(start()).rejects.toMatchObject({ code: 'WB_UNAUTHORISED', message: expect.stringContaining('login') });
});

test('a password login keeps its device, so that a key is one message even after a restart', async () => {
  const options = { token: undefined, user: 'bell', password: { file: 'password' } };
  const key = newKey();
  const ids: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    const connector = await world.connect(options);
    running.push(connector);
    await connector.start(new RecordingHost([world.room]));
    ids.push(
      await connector.perform(
        sendOf(world.room, connector.render({ text: 'x' }, { ring: false })[0], { key }),
        new AbortController().signal,
      ),
    );
    await stopAll();
  }
  expect(ids[0]).toBe(ids[1]);
  expect(world.homeserver.shown(world.roomId)).toHaveLength(1);
  const wrong = await world.connect({ ...options, password: { file: 'token' } });
  await expect(wrong.start(new RecordingHost([world.room]))).rejects.toMatchObject({ code: 'WB_UNAUTHORISED' });
});

test('doctor reports what is wrong with each room, and what to do', async () => {
  world.homeserver.createRoom({ creator: 'ann', alias: 'mute', members: ['bell'], power: { events_default: 50 } });
  world.homeserver.createRoom({ creator: 'ann', alias: 'crypt', members: ['bell'], encrypted: true });
  world.homeserver.createRoom({ creator: 'ann', alias: 'closed' });
  world.homeserver.invite('bell', world.homeserver.createRoom({ creator: 'ann', alias: 'invited' }));
  const members = ['ann'];
  const power = { events_default: 50 };
  world.homeserver.createRoom({ creator: 'bell', alias: 'own', members, power, version: '12' });
  world.homeserver.createRoom({
    creator: 'ann',
    alias: 'no-taps',
    members: ['bell'],
    power: { events: { 'm.reaction': 50 } },
  });
  const connector = await world.connect();
  const rooms = ['#ops', '#mute', '#crypt', '#closed', '#invited', '#none', '#own', '#no-taps'].map(
    (name) => `${name}:fake.test`,
  );
  const findings = await connector.examine?.(rooms, new AbortController().signal);
  expect(findings?.map(({ ok, what, message }) => `${ok ? 'ok' : 'no'} ${what}: ${message}`)).toEqual([
    'ok token: logged in as @bell:fake.test',
    'ok device: BELL: repeated sends are recognised',
    'ok room #ops:fake.test: joined, may post',
    'no room #mute:fake.test: may not post: raise the power level of @bell:fake.test there to 50',
    'no room #crypt:fake.test: encrypted: messages there cannot be read; use a room without encryption',
    'no room #closed:fake.test: not a member: invite @bell:fake.test there',
    'ok room #invited:fake.test: invited: the bot accepts the invitation when it runs',
    `no room #none:fake.test: no room has the address #none:fake.test: check it, or add this address in the room's settings`,
    'ok room #own:fake.test: joined, may post',
    'ok room #no-taps:fake.test: joined, may post, but not add 👀, which needs power level 50',
  ]);
});
