import { randomUUID } from 'node:crypto';
import { createDatabase as createTestDatabase, freePort, type TestDatabase } from '../../test/harness/postgres.ts';
import { storeGeneration } from '../config/generations.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { seeReplica } from '../replicas/replicas.ts';
import { untilConfigured } from './until-configured.ts';

const PATIENCE = { timeoutMs: 20_000, everyMs: 5 };
const HASTE = { timeoutMs: 20, everyMs: 5 };
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

/** A replica that lives and has this configuration; beats again with another. */
async function replica(name: string, id = randomUUID()): Promise<{ has(hash: string): Promise<void> }> {
  return {
    async has(hash) {
      const generation = await database.transaction(({ query }) => storeGeneration(query, { hash, content: '{}' }));
      await seeReplica(database.query, { id, name, pid: process.pid, generation });
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

test('it waits for tables, for a replica, and until each has the configuration, and says each once', async () => {
  const [one, two] = [await replica('bell-1'), await replica('bell-2')];
  const said: string[] = [];
  const both = (): Promise<void> => two.has('new').then(() => one.has('new'));
  const next = [makeTables, () => one.has('old'), both];
  const count = await untilConfigured(database, 'new', PATIENCE, (line) => {
    said.push(line);
    void next.shift()?.();
  });
  expect(count).toBe(2);
  expect(said).toEqual([
    expect.stringContaining('has no tables yet'),
    expect.stringContaining('no replica of the bot'),
    expect.stringContaining('bell-1 has another configuration'),
  ]);
});

test("a trial's configuration may be another than this command's", async () => {
  await makeTables();
  await (await replica('bell')).has('with a console');
  expect(await untilConfigured(database, undefined, HASTE, () => {})).toBe(1);
});

test('when the time is up it says what was missing', async () => {
  await expect(untilConfigured(database, 'new', HASTE, () => {})).rejects.toThrow('the database has no tables yet');
  const away = open(`postgres://nobody@127.0.0.1:${await freePort()}/none`);
  await expect(untilConfigured(away, 'new', HASTE, () => {})).rejects.toThrow('the database cannot be reached');
  await away.close();
});
