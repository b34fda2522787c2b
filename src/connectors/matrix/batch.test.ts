import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RecordingHost } from '../conformance/host.ts';
import type { JsonObject } from '../connector.ts';
import { readSync, type Batch, type Reading } from './batch.ts';
import { Reactions } from './reactions.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';

/** Of /messages, by room: with what it is answered, in what the homeserver's own words are, and how often it was asked for. */
let statuses: Map<string, number>;
let errcode: string | undefined;
/** Rooms whose past is more than a page, of which only the first is to be had. */
let torn: Set<string>;
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
  torn = new Set();
  asked = [];
  server = createServer((request, response) => {
    const room = decodeURIComponent(/rooms\/([^/]+)\/messages/.exec(request.url ?? '')?.[1] ?? '');
    asked.push(room);
    const second = request.url?.includes('from=more') === true;
    const status = second ? 500 : (statuses.get(room) ?? 200);
    const page = { chunk: [message(`${room} first`)], ...(torn.has(room) && { end: 'more' }) };
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
const LEFT_OUT = 'what was said in a room meanwhile cannot be fetched and is left out: say it again if it matters';

test('what a gap left out is waited for, however the server fails for a while', async () => {
  for (const status of [500, 502, 429, 401]) {
    statuses.set('!bad', status);
    await expect(look()).rejects.toMatchObject({ status });
  }
  statuses.delete('!bad');
  expect(texts(await look())).toEqual(ALL);
  expect(host.logged).not.toContain(LEFT_OUT);
});

test('a room whose past the server never tells holds up all others for some tries only, counted anew when it did', async () => {
  for (const triesBefore of [1, 9]) {
    statuses.set('!bad', 500);
    for (let tries = 0; tries < triesBefore; tries++) await expect(look()).rejects.toMatchObject({ status: 500 });
    if (triesBefore === 9) break;
    statuses.delete('!bad');
    await look();
  }
  expect(host.logged).not.toContain(LEFT_OUT);
  expect(texts(await look())).toEqual(ALL.filter((text) => text !== '!bad first'));
  expect(host.logged).toContain(LEFT_OUT);
});

test('a room of whose past only the beginning is to be had holds up all others no longer', async () => {
  torn.add('!bad');
  for (let tries = 0; tries < 9; tries++) await expect(look()).rejects.toMatchObject({ status: 500 });
  expect(texts(await look())).toEqual(ALL);
  expect(host.logged).toContain(LEFT_OUT);
});

test('several rooms whose past the server never tells hold up all others for as many tries each, not for each other', async () => {
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
  expect(host.logged.filter((line) => line === LEFT_OUT)).toHaveLength(2);
});

test('what a proxy says is not what the homeserver says', async () => {
  errcode = undefined;
  for (const status of [403, 404]) {
    statuses.set('!bad', status);
    await expect(look()).rejects.toMatchObject({ status });
  }
  statuses.delete('!bad');
  expect(texts(await look())).toEqual(ALL);
});

test('a past that the bot may not see is left out at once', async () => {
  statuses.set('!bad', 403);
  errcode = 'M_FORBIDDEN';
  expect(texts(await look())).toEqual(ALL.filter((text) => text !== '!bad first'));
  expect(asked).toEqual(['!good', '!bad']);
  expect(host.logged).toEqual([LEFT_OUT]);
});
