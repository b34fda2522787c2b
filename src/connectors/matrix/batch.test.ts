import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RecordingHost } from '../conformance/host.ts';
import type { JsonObject } from '../connector.ts';
import { readSync, type Batch, type Reading } from './batch.ts';
import { Reactions } from './reactions.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';

/** Responses of /messages by room: their status and errcode; `asked` has the rooms of all requests. */
let statuses: Map<string, number>;
let errcode: string | undefined;
/** Rooms whose history has more than one page, of which only the first can be fetched. */
let firstPageOnly: Set<string>;
let asked: string[];
let server: Server;
let reading: Reading;
let host: RecordingHost;

const message = (body: string): JsonObject => ({
  type: 'm.room.message',
  event_id: `$${body.replace(' ', '-')}`,
  sender: '@ann:e.org',
  origin_server_ts: 1,
  content: { msgtype: 'm.text', body },
});
const limited = (room: string): JsonObject => ({
  timeline: { limited: true, prev_batch: `before-${room}`, events: [message(`${room} last`)] },
});
const look = (): Promise<Batch> =>
  readSync(
    reading,
    { rooms: { join: { '!good': limited('!good'), '!bad': limited('!bad') } }, next_batch: 'two' },
    'one',
    new AbortController().signal,
  );
const texts = ({ events }: Batch): unknown[] => events.map((event) => (event.type === 'message' ? event.text : event));

beforeEach(async () => {
  statuses = new Map();
  errcode = 'M_UNKNOWN';
  firstPageOnly = new Set();
  asked = [];
  server = createServer((request, response) => {
    const room = decodeURIComponent(/rooms\/([^/]+)\/messages/.exec(request.url ?? '')?.[1] ?? '');
    asked.push(room);
    const second = request.url?.includes('from=more') === true;
    const status = second ? 500 : (statuses.get(room) ?? 200);
    const page = { chunk: [message(`${room} first`)], ...(firstPageOnly.has(room) && { end: 'more' }) };
    const body = status === 200 ? page : { errcode, error: 'no' };
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const requests = new Requests(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  host = new RecordingHost([]);
  const reactions = await Reactions.load({ get: async () => undefined, set: async () => {} });
  const myself = { userId: '@bell:e.org', displayName: 'Bell' };
  reading = { requests, rooms: new Rooms(requests), reactions, myself, log: host.log, failing: new Map() };
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const ALL = ['!good first', '!good last', '!bad first', '!bad last'];
const SKIPPED = 'missed messages of a room cannot be fetched and are skipped';

test('missed messages are retried while the server fails temporarily', async () => {
  for (const status of [500, 502, 429, 401]) {
    statuses.set('!bad', status);
    await expect(look()).rejects.toMatchObject({ status });
  }
  statuses.delete('!bad');
  expect(texts(await look())).toEqual(ALL);
  expect(host.logged).not.toContain(SKIPPED);
});

test('a room whose history cannot be fetched delays the others only for some tries, counted from its last success', async () => {
  for (const triesBefore of [1, 9]) {
    statuses.set('!bad', 500);
    for (let tries = 0; tries < triesBefore; tries++) await expect(look()).rejects.toMatchObject({ status: 500 });
    if (triesBefore === 9) break;
    statuses.delete('!bad');
    await look();
  }
  expect(host.logged).not.toContain(SKIPPED);
  expect(texts(await look())).toEqual(ALL.filter((text) => text !== '!bad first'));
  expect(host.logged).toContain(SKIPPED);
});

test('a room of whose history only the first page can be fetched delays the others no longer than that', async () => {
  firstPageOnly.add('!bad');
  for (let tries = 0; tries < 9; tries++) await expect(look()).rejects.toMatchObject({ status: 500 });
  expect(texts(await look())).toEqual(ALL);
  expect(host.logged).toContain(SKIPPED);
});

test('several rooms whose history cannot be fetched are given up after the same number of tries each', async () => {
  statuses.set('!good', 500).set('!bad', 502);
  let tries = 1;
  for (; tries < 100; tries++)
    if (
      await look().then(
        () => true,
        () => false,
      )
    )
      break;
  expect(tries).toBeLessThanOrEqual(20);
  expect(host.logged.filter((line) => line === SKIPPED)).toHaveLength(2);
});

test('an error from a proxy does not count as one from the homeserver', async () => {
  errcode = undefined;
  for (const status of [403, 404]) {
    statuses.set('!bad', status);
    await expect(look()).rejects.toMatchObject({ status });
  }
  statuses.delete('!bad');
  expect(texts(await look())).toEqual(ALL);
});

test('a history that the bot may not see is skipped at once', async () => {
  statuses.set('!bad', 403);
  errcode = 'M_FORBIDDEN';
  expect(texts(await look())).toEqual(ALL.filter((text) => text !== '!bad first'));
  expect(asked).toEqual(['!good', '!bad']);
  expect(host.logged).toEqual([SKIPPED]);
});
