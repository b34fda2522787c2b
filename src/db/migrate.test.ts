import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase as emptyDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { createDatabase, type Database } from './database.ts';
import { migrate, readMigrations, type SkillMigrations } from './migrate.ts';

let empty: TestDatabase;
let databases: Database[];
beforeEach(async () => {
  empty = await emptyDatabase();
  databases = Array.from({ length: 5 }, () =>
    createDatabase({
      url: async () => ({ connectionString: empty.url }),
      poolSize: 2,
      idleInTransactionMs: 30_000,
      statementTimeoutMs: 30_000,
    }),
  );
});
afterEach(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await empty.drop();
});

const one = (): Database => {
  const [database] = databases;
  if (!database) throw new Error('no database');
  return database;
};
const skill = (...sql: string[]): SkillMigrations => ({
  skill: 'coffee',
  migrations: sql.map((text, index) => ({ number: index + 1, name: `step-${index + 1}`, sql: text })),
});
const CREATE = 'create table coffee_rounds (id int primary key)';
const FILL = 'insert into coffee_rounds select coalesce(max(id), 0) + 1 from coffee_rounds';

test('five replicas that start at once apply each migration once', async () => {
  const applied = await Promise.all(databases.map((database) => migrate(database, [skill(CREATE, FILL)])));
  const all = applied.flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all).toEqual(expect.arrayContaining(['core 1 core', 'coffee 1 step-1', 'coffee 2 step-2']));
  expect(applied.filter((list) => list.length > 0)).toHaveLength(1);
  expect(await one().query('select id from coffee_rounds')).toEqual([{ id: 1 }]);
  expect(await one().query('select 1 from schema_info')).toHaveLength(1);
});

test('a migration may take longer than any other statement, and so may the wait for it', async () => {
  const impatient = [0, 1].map(() =>
    createDatabase({
      url: async () => ({ connectionString: empty.url }),
      poolSize: 1,
      idleInTransactionMs: 5000,
      statementTimeoutMs: 500,
    }),
  );
  databases.push(...impatient);
  await migrate(one(), []);
  // The driver gives up 5 s after the server would have.
  const slow = [skill('select pg_sleep(6.5)')];
  const applied = await Promise.all(impatient.map((database) => migrate(database, slow)));
  expect(applied.flat()).toEqual(['coffee 1 step-1']);
  await expect(impatient[0]?.query('select pg_sleep(1)')).rejects.toMatchObject({ code: '57014' });
});

test('a second start applies nothing, and only a new migration of a skill is applied', async () => {
  await migrate(one(), [skill(CREATE)]);
  expect(await migrate(one(), [skill(CREATE)])).toEqual([]);
  expect(await migrate(one(), [skill(CREATE, FILL)])).toEqual(['coffee 2 step-2']);
});

test('a program that vanishes in the middle of a migration locks the tables for at most a minute', async () => {
  const said = `create table said as select setting::int / 1000 as seconds from pg_settings where name = $$idle_in_transaction_session_timeout$$`;
  await migrate(one(), [skill(said)]);
  const [row] = await one().query<{ seconds: number }>('select seconds from said');
  expect(row?.seconds).toBeGreaterThan(0);
  expect(row?.seconds).toBeLessThanOrEqual(60);
});

test('a program that is too old for the schema does not start, gives the remedy and changes nothing', async () => {
  await migrate(one(), []);
  await one().query('update schema_info set version = 42, oldest_program = 40');
  await expect(migrate(one(), [skill(CREATE)])).rejects.toMatchObject({
    code: 'WB_START_FAILED',
    message: expect.stringMatching(/needs a newer watchbell \(schema 42, .*; deploy the newer release again/),
  });
  expect(await one().query(`select to_regclass('coffee_rounds') as there`)).toEqual([{ there: null }]);
});

test('a newer schema that still supports this program is used unchanged', async () => {
  await migrate(one(), []);
  await one().query('update schema_info set version = 42');
  expect(await migrate(one(), [])).toEqual([]);
  expect(await one().query('select version from schema_info')).toEqual([{ version: 42 }]);
});

test('a failed migration also rolls back the others', async () => {
  await expect(migrate(one(), [skill(CREATE, 'select broken from nowhere')])).rejects.toThrow(/nowhere/);
  expect(await one().query(`select to_regclass('coffee_rounds') as there, to_regclass('events') as core`)).toEqual([
    { there: null, core: null },
  ]);
  expect(await migrate(one(), [skill(CREATE)])).toContain('coffee 1 step-1');
});

describe('the files', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'watchbell-migrations-'));
  });
  afterEach(() => rm(directory, { recursive: true }));
  const put = (name: string): Promise<void> => writeFile(join(directory, name), `-- ${name}`);

  test('are read in order, and other files are ignored', async () => {
    for (const name of ['002-more.sql', '001-first.sql', 'README.md']) await put(name);
    expect(await readMigrations(directory)).toEqual([
      { number: 1, name: 'first', sql: '-- 001-first.sql' },
      { number: 2, name: 'more', sql: '-- 002-more.sql' },
    ]);
  });

  test('a gap, a duplicate number and a wrong name are each rejected with the file', async () => {
    await put('001-first.sql');
    await put('003-third.sql');
    await expect(readMigrations(directory)).rejects.toThrow(/003-third\.sql: the previous number is missing/);
    await rm(join(directory, '003-third.sql'));
    await put('001-other.sql');
    await expect(readMigrations(directory)).rejects.toThrow(/001-other\.sql/);
    await rm(join(directory, '001-other.sql'));
    await put('more.sql');
    await expect(readMigrations(directory)).rejects.toThrow(
      /more\.sql: the name of a migration must look like 001-what-it-does\.sql/,
    );
  });

  test('a missing directory has none', async () => {
    expect(await readMigrations(join(directory, 'none'))).toEqual([]);
  });
});
