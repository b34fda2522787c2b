import { randomUUID } from 'node:crypto';
import { createDatabase as createTestDatabase, freePort, type TestDatabase } from '../../test/harness/postgres.ts';
import { storeGeneration } from '../config/generations.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { recordHeartbeat } from '../replicas/replicas.ts';
import { untilConfigured } from './until-configured.ts';

const LONG_WAIT = { timeoutMs: 20_000, everyMs: 5 };
const SHORT_WAIT = { timeoutMs: 20, everyMs: 5 };
let server: TestDatabase;
let database: Database;

const open = (connectionString: string): Database =>
  createDatabase({
    url: async () => ({ connectionString }),
    poolSize: 2,
    idleInTransactionMs: 5000,
    statementTimeoutMs: 5000,
  });
const makeTables = (): Promise<unknown> => migrate(database, []);

/** A live replica; `has` records a heartbeat with this configuration. */
async function replica(name: string, id = randomUUID()): Promise<{ has(hash: string): Promise<void> }> {
  return {
    async has(hash) {
      const generation = await database.transaction(({ query }) => storeGeneration(query, { hash, content: '{}' }));
      await recordHeartbeat(database.query, { id, name, pid: process.pid, generation });
    },
  };
}

beforeEach(async () => {
  server = await createTestDatabase();
  database = open(server.url);
});
afterEach(async () => {
  await database.close();
  await server.drop();
});

test('waits for tables, for a replica, and until every replica has the configuration, and reports each step once', async () => {
  const [one, two] = [await replica('bell-1'), await replica('bell-2')];
  const said: string[] = [];
  const both = (): Promise<void> => two.has('new').then(() => one.has('new'));
  const next = [makeTables, () => one.has('old'), both];
  const count = await untilConfigured(database, 'new', LONG_WAIT, (line) => {
    said.push(line);
    void next.shift()?.();
  });
  expect(count).toBe(2);
  expect(said).toEqual([
    expect.stringContaining('has no tables yet'),
    expect.stringContaining('no replica of the bot'),
    expect.stringContaining('bell-1 has a different configuration'),
  ]);
});

test("a trial's configuration may differ from this command's", async () => {
  await makeTables();
  await (await replica('bell')).has('with a console');
  expect(await untilConfigured(database, undefined, SHORT_WAIT, () => {})).toBe(1);
});

test('reports at the timeout what was missing', async () => {
  await expect(untilConfigured(database, 'new', SHORT_WAIT, () => {})).rejects.toThrow(
    'the database has no tables yet',
  );
  const away = open(`postgres://nobody@127.0.0.1:${await freePort()}/none`);
  await expect(untilConfigured(away, 'new', SHORT_WAIT, () => {})).rejects.toThrow('the database cannot be reached');
  await away.close();
});
