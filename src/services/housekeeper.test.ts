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

const worldWith = (connectors: readonly string[], skills = [bell]) =>
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

function keep(registry: ReturnType<typeof worldWith>) {
  const metrics = createMetrics({ version: 'test', ofProcess: false });
  const state = { registry, counting: true };
  const housekeeper = new Housekeeper({
    database,
    metrics,
    log,
    registry: () => state.registry,
    ages: () => ({ eventsMs: 1, historyMs: 1 }),
    isCounting: () => state.counting,
    onBuried: async () => {},
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

test('what waits and what is dead is counted by connector, and a connector that has none stands at 0', async () => {
  await message('one', { agoSeconds: 600 });
  await message('one', {});
  await message('one', { state: 'dead' });
  const { counted } = keep(worldWith(['one', 'other']));
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

test('a message with a time of its own waits from then on, not from when it was said', async () => {
  await message('one', { agoSeconds: 3600, inSeconds: 60 });
  const { counted } = keep(worldWith(['one']));
  expect(await counted()).toContain('messages_oldest_pending_seconds{connector="one"} 0');
  await message('one', { agoSeconds: 3600, inSeconds: -300 });
  expect((await counted()).join('\n')).toMatch(/oldest_pending_seconds\{connector="one"\} 30\d\./);
});

test('what waits for a connector that is configured no more is counted until it is done', async () => {
  await message('gone', { state: 'dead' });
  const { counted } = keep(worldWith(['one'], []));
  expect((await counted()).filter((line) => line.includes('gone'))).toEqual([
    'messages_pending{connector="gone"} 0',
    'messages_oldest_pending_seconds{connector="gone"} 0',
    'dead_letters{connector="gone"} 1',
  ]);
  await database.query('delete from messages');
  expect((await counted()).filter((line) => line.includes('gone'))).toEqual([]);
});

test('a connector or skill that is configured no more is not exported, nor anything where another replica counts', async () => {
  const { state, counted } = keep(worldWith(['one', 'gone']));
  expect((await counted()).filter((line) => line.includes('gone'))).toHaveLength(3);
  state.registry = worldWith(['one'], []);
  expect(await counted()).toEqual([
    'messages_pending{connector="one"} 0',
    'messages_oldest_pending_seconds{connector="one"} 0',
    'dead_letters{connector="one"} 0',
    'bells 0',
  ]);
  state.counting = false;
  expect((await counted()).filter((line) => line.includes('one'))).toEqual([]);
});

test('what was meant for a connector that is configured no more becomes a dead letter, and its skill is told', async () => {
  await message('gone', { agoSeconds: 3600 });
  await message('gone', {});
  await database.query(`update messages set key = id::text, notify = 'lost'`);
  await keep(worldWith(['one'])).counted();
  expect(await database.query(`select count(*)::int as count from messages where state = 'dead'`)).toEqual([
    { count: 1 },
  ]);
  const fates = await database.query<{ payload: string }>(`select payload from events where kind = 'fate'`);
  expect(fates.map(({ payload }) => JSON.parse(payload) as unknown)).toMatchObject([
    { connector: 'gone', state: 'dead', reason: 'its connector is no longer configured' },
  ]);
});
