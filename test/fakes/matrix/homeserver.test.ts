import { createFakeHomeserver } from './homeserver.ts';
import type { FakeHomeserver } from './homeserver.ts';
import { Limiter } from './limiter.ts';
import { spawnFakeHomeserver } from './remote.ts';
import { seeded } from './faults.ts';
import type { HomeserverOptions, JsonMap } from './types.ts';

let homeserver: FakeHomeserver;
let room: string;

afterEach(() => homeserver?.close());

async function begin(options: HomeserverOptions = {}): Promise<void> {
  homeserver = await createFakeHomeserver(options);
  homeserver.addUser('bell', { token: 'bell-1', deviceId: 'A' });
  const bell = homeserver.store.users.get('@bell:fake.test');
  if (!bell) throw new Error('no bell');
  homeserver.store.sessions.set('bell-2', {
    user: bell,
    deviceId: 'B',
    token: 'bell-2',
  });
  homeserver.addUser('ann', { token: 'ann' });
  room = homeserver.createRoom({ creator: 'ann', members: ['bell'], alias: 'ops' });
}

interface Answer {
  readonly status: number;
  readonly body: JsonMap & { event_id?: string; errcode?: string };
  readonly headers: Headers;
}

async function call(method: string, path: string, body?: JsonMap, token = 'bell-1'): Promise<Answer> {
  const response = await fetch(`${homeserver.url}/_matrix/client/v3/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'], headers: response.headers };
}

const say = (
  txn: string,
  content: JsonMap = { msgtype: 'm.text', body: 'x' },
  token = 'bell-1',
  type = 'm.room.message',
): Promise<Answer> => call('PUT', `rooms/${room}/send/${type}/${txn}`, content, token);

test('a transaction id creates one event per device, and only that device sees it again', async () => {
  await begin();
  const first = await say('t1');
  expect((await say('t1', { msgtype: 'm.text', body: 'other text' })).body.event_id).toBe(first.body.event_id);
  const other = await say('t1', { msgtype: 'm.text', body: 'x' }, 'bell-2');
  expect(other.body.event_id).not.toBe(first.body.event_id);
  expect(homeserver.shown(room)).toHaveLength(2);
  const seen = async (token: string): Promise<unknown> =>
    ((await call('GET', `rooms/${room}/event/${first.body.event_id}`, undefined, token)).body['unsigned'] as JsonMap)[
      'transaction_id'
    ];
  expect(await seen('bell-1')).toBe('t1');
  expect(await seen('bell-2')).toBeUndefined();
  expect(await seen('ann')).toBeUndefined();
});

test('of two simultaneous requests for a room address, the later one gets another error than a request afterwards', async () => {
  await begin();
  homeserver.makingRoomMs = 500;
  const make = (): Promise<Answer> => call('POST', 'createRoom', { room_alias_name: 'pair' });
  const refused = (answers: readonly Answer[]) =>
    answers.flatMap(({ status, body }) => (status === 200 ? [] : [status, body.errcode]));
  expect(refused(await Promise.all([make(), make()]))).toEqual([409, 'M_UNKNOWN']);
  expect(refused([await make()])).toEqual([400, 'M_ROOM_IN_USE']);
});

test('it rejects what the real server rejects', async () => {
  await begin();
  const target = (await say('a')).body.event_id ?? '';
  const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: '👀' } };
  expect((await say('b', { body: 'no type' })).body.errcode).toBe('M_BAD_JSON');
  expect((await say('c', { msgtype: 'm.text', body: 'x', n: 1.5 })).body.errcode).toBe('M_BAD_JSON');
  expect((await say('d', { msgtype: 'm.text', body: 'x'.repeat(65_000) })).status).toBe(413);
  expect((await say('e', reaction, 'bell-1', 'm.reaction')).status).toBe(200);
  expect((await say('f', reaction, 'bell-1', 'm.reaction')).body.errcode).toBe('M_DUPLICATE_ANNOTATION');
  expect(
    (await say('g', { msgtype: 'm.text', body: 'x', 'm.relates_to': { rel_type: 'm.replace', event_id: '$none' } }))
      .status,
  ).toBe(400);
  expect((await call('PUT', `rooms/!none:fake.test/send/m.room.message/x`, {})).status).toBe(403);
  expect((await call('GET', 'sync?filter=12')).status).toBe(400);
  expect((await call('GET', 'sync', undefined, 'wrong')).body.errcode).toBe('M_UNKNOWN_TOKEN');
});

test('the rate limit counts messages, edits, reactions and redactions of an account, but no repeats', async () => {
  let now = 1_000_000;
  await begin({ rate: { perSecond: 0.2, burst: 3, pauseMs: 0 }, now: () => now });
  const target = (await say('a')).body.event_id ?? '';
  await say('b', { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: '👀' } }, 'bell-1', 'm.reaction');
  await call('PUT', `rooms/${room}/redact/${target}/c`, {});
  const refused = await say('d', undefined, 'bell-2');
  expect(refused).toMatchObject({ status: 429, body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 5000 } });
  expect(refused.headers.get('retry-after')).toBe('5');
  expect((await say('a')).status).toBe(200);
  now += 5000;
  expect((await say('d')).status).toBe(200);
  expect((await say('e')).status).toBe(429);
  expect((await say('f', undefined, 'ann')).status).toBe(200);
});

test('the bucket leaks at the right rate', () => {
  const limiter = new Limiter();
  const rate = { perSecond: 2, burst: 4 };
  let allowed = 0;
  for (let now = 0; now < 10_000; now += 10) if (limiter.take('a', rate, now) === 0) allowed += 1;
  expect(allowed).toBeGreaterThanOrEqual(23);
  expect(allowed).toBeLessThanOrEqual(24);
});

test('sync returns new events, marks gaps and keeps their events for /messages', async () => {
  await begin();
  const { body: first } = await call('GET', 'sync');
  for (let index = 0; index < 15; index += 1) homeserver.say('ann', room, `m${index}`);
  const { body } = await call('GET', `sync?since=${String(first['next_batch'])}`);
  const timeline = (((body['rooms'] as JsonMap)['join'] as JsonMap)[room] as JsonMap)['timeline'] as JsonMap as {
    events: { content: { body: string } }[];
    limited: boolean;
    prev_batch: string;
  };
  expect(timeline.limited).toBe(true);
  expect(timeline.events.map((event) => event.content.body)).toEqual(
    Array.from({ length: 10 }, (_, index) => `m${index + 5}`),
  );
  const { body: older } = await call(
    'GET',
    `rooms/${room}/messages?dir=b&from=${timeline.prev_batch}&to=${String(first['next_batch'])}&limit=100`,
  );
  expect((older['chunk'] as { content: { body: string } }[]).map((event) => event.content.body)).toEqual([
    'm4',
    'm3',
    'm2',
    'm1',
    'm0',
  ]);
  const waiting = call('GET', `sync?since=${String(body['next_batch'])}&timeout=20000`);
  homeserver.say('ann', room, 'wake up');
  expect(JSON.stringify((await waiting).body)).toContain('wake up');
});

test('forced failures happen before or after the operation, as requested, and random ones are the same for the same seed', async () => {
  await begin();
  homeserver.faults.next({ kind: 'error' });
  homeserver.faults.next({ kind: 'errorAfter' });
  expect((await say('a')).status).toBe(500);
  expect(homeserver.shown(room)).toHaveLength(0);
  expect((await say('a')).status).toBe(500);
  expect(homeserver.shown(room)).toHaveLength(1);
  homeserver.faults.next({ kind: 'dropAfter', on: ['edit'] });
  expect((await say('b')).status).toBe(200);
  homeserver.faults.chance({ seed: 7, odds: { limited: 0.5 } });
  const codes: number[] = [];
  for (let index = 0; index < 20; index += 1) codes.push((await say(`c${index}`)).status);
  const random = seeded(7);
  expect(codes).toEqual(Array.from({ length: 20 }, () => (random() < 0.5 ? 429 : 200)));
});

test('it runs as a separate process', async () => {
  const remote = await spawnFakeHomeserver({ serverName: 'apart.test' });
  try {
    const bot = await remote.addUser('bell', { deviceId: 'A' });
    await remote.addUser('ann');
    const id = await remote.createRoom({ creator: 'ann', members: ['bell'], alias: 'ops' });
    const said = await remote.say('ann', '#ops:apart.test', 'hello');
    expect(await remote.shown(id)).toMatchObject([{ id: said, text: 'hello', sender: '@ann:apart.test' }]);
    await remote.fault({ kind: 'limited', retryAfterMs: 3000 });
    const url = `${remote.url}/_matrix/client/v3/rooms/${id}/send/m.room.message/t`;
    const response = await fetch(url, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${bot.token}` },
      body: '{"msgtype":"m.text","body":"x"}',
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
    expect(await remote.requestCounts()).toEqual({ send: 1 });
  } finally {
    await remote.close();
  }
});
