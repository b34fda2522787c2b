import { randomUUID } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { configSchema } from '../config/schema.ts';
import type { Database } from '../db/database.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { buildRegistry } from '../registry/build-registry.ts';
import { defineSkill } from '../skill.ts';
import { Housekeeper } from './housekeeper.ts';

const log = createLogger({ level: 'silent' });
const bell = defineSkill<unknown>({
  name: 'bell',
  gauges: { watchbell_bells: { help: 'Bells', labels: [], read: async () => [{ labels: {}, value: 3 }] } },
});

let home: OpenDatabase;
let database: Database;
beforeEach(async () => {
  home = await openDatabase();
  database = home.database;
});
afterEach(async () => {
  await home.close();
});

const registryWith = (connectors: readonly string[], skills = [bell]) =>
  buildRegistry({
    platforms: [],
    config: configSchema.parse({
      connectors: Object.fromEntries(connectors.map((name) => [name, { type: 'memory' }])),
      skills: Object.fromEntries(skills.map(({ name }) => [name, {}])),
    }),
    skills,
    generation: 1,
    skillLog: () => log,
  });

function keep(registry: ReturnType<typeof registryWith>) {
  const metrics = createMetrics({ version: 'test', ofProcess: false });
  const state = { registry, counting: true };
  const housekeeper = new Housekeeper({
    database,
    metrics,
    log,
    registry: () => state.registry,
    ages: () => ({ eventsMs: 1, historyMs: 1 }),
    isCounting: () => state.counting,
    onOrphansDead: async () => {},
  });
  return {
    state,
    async counted() {
      await housekeeper.count();
      const lines = (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('watchbell_'));
      return lines.filter((line) => /messages_|dead_letters|bells/.test(line)).map((line) => line.slice(10));
    },
  };
}

async function message(connector: string, more: { state?: string; agoSeconds?: number; inSeconds?: number }) {
  await database.query(
    `insert into messages (id, connector, room, skill, queue, content, state, wanted_at, not_before)
     values ($1, $2, 'ops', 'bell', 1, '{}', $3, now() - $4 * interval '1 second', now() + $5 * interval '1 second')`,
    [randomUUID(), connector, more.state ?? 'live', more.agoSeconds ?? 0, more.inSeconds ?? null],
  );
}

test('pending messages and dead letters are counted by connector, and a connector without any is at 0', async () => {
  await message('one', { agoSeconds: 600 });
  await message('one', {});
  await message('one', { state: 'dead' });
  const { counted } = keep(registryWith(['one', 'other']));
  expect(await counted()).toEqual([
    'messages_pending{connector="one"} 2',
    'messages_pending{connector="other"} 0',
    expect.stringMatching(/^messages_oldest_pending_seconds\{connector="one"\} 60\d\./),
    'messages_oldest_pending_seconds{connector="other"} 0',
    'dead_letters{connector="one"} 1',
    'dead_letters{connector="other"} 0',
    'bells 3',
  ]);
});

test('a scheduled message counts as pending from its time, not from when it was posted', async () => {
  await message('one', { agoSeconds: 3600, inSeconds: 60 });
  const { counted } = keep(registryWith(['one']));
  expect(await counted()).toContain('messages_oldest_pending_seconds{connector="one"} 0');
  await message('one', { agoSeconds: 3600, inSeconds: -300 });
  expect((await counted()).join('\n')).toMatch(/oldest_pending_seconds\{connector="one"\} 30\d\./);
});

test('messages of a removed connector are counted until they are gone', async () => {
  await message('gone', { state: 'dead' });
  const { counted } = keep(registryWith(['one'], []));
  expect((await counted()).filter((line) => line.includes('gone'))).toEqual([
    'messages_pending{connector="gone"} 0',
    'messages_oldest_pending_seconds{connector="gone"} 0',
    'dead_letters{connector="gone"} 1',
  ]);
  await database.query('delete from messages');
  expect((await counted()).filter((line) => line.includes('gone'))).toEqual([]);
});

test('gauges of removed connectors and skills are not exported, and none are while another replica counts', async () => {
  const { state, counted } = keep(registryWith(['one', 'gone']));
  expect((await counted()).filter((line) => line.includes('gone'))).toHaveLength(3);
  state.registry = registryWith(['one'], []);
  expect(await counted()).toEqual([
    'messages_pending{connector="one"} 0',
    'messages_oldest_pending_seconds{connector="one"} 0',
    'dead_letters{connector="one"} 0',
    'bells 0',
  ]);
  state.counting = false;
  expect((await counted()).filter((line) => line.includes('one'))).toEqual([]);
});

test('messages for a removed connector become dead letters, and their skill is told', async () => {
  await message('gone', { agoSeconds: 3600 });
  await message('gone', {});
  await database.query(`update messages set key = id::text, notify = 'lost'`);
  await keep(registryWith(['one'])).counted();
  expect(await database.query(`select count(*)::int as count from messages where state = 'dead'`)).toEqual([
    { count: 1 },
  ]);
  const reports = await database.query<{ payload: string }>(`select payload from events where kind = 'fate'`);
  expect(reports.map(({ payload }) => JSON.parse(payload) as unknown)).toMatchObject([
    { connector: 'gone', state: 'dead', reason: 'its connector is no longer configured' },
  ]);
});
