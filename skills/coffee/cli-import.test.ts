import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { runCli, type CliResult } from '../../test/harness/cli.ts';
import { createDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { createDatabase as open } from '../../src/db/database.ts';
import { migrate, readMigrations } from '../../src/db/migrate.ts';

let directory = '';
let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-import-'));
  database = await createDatabase();
  const opened = open({
    url: async () => ({ connectionString: database.url }),
    poolSize: 1,
    idleInTransactionMs: 30_000,
    statementTimeoutMs: 30_000,
  });
  const migrations = await readMigrations(resolve(import.meta.dirname, 'migrations'));
  await migrate(opened, [{ skill: 'coffee', migrations }]);
  await opened.close();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await writeFile(
    join(directory, 'watchbell.yaml'),
    JSON.stringify({
      connectors: { web: {} },
      rooms: { random: { in: { web: 'random' } } },
      people: { ann: { accounts: { web: 'ann' } }, bob: { accounts: { web: 'bob' } } },
      skills: { coffee: { rounds: { random: { room: 'random' } } } },
    }),
  );
  coffeebot();
}, 30_000);
afterAll(async () => {
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** A file as that bot's ORM makes it: a row for every possible pair. */
function coffeebot(): void {
  const file = new DatabaseSync(join(directory, 'coffeebot.db'));
  file.exec(`
    CREATE TABLE users (id INTEGER NOT NULL, date_created DATETIME, date_modified DATETIME, user_id VARCHAR(256) NOT NULL,
      active BOOLEAN NOT NULL, is_paired BOOLEAN, PRIMARY KEY (id), UNIQUE (user_id), CHECK (active IN (0, 1)));
    CREATE TABLE pairs (id INTEGER NOT NULL, date_created DATETIME, date_modified DATETIME, first_user_id VARCHAR(256),
      second_user_id VARCHAR(256), count INTEGER, PRIMARY KEY (id),
      FOREIGN KEY(first_user_id) REFERENCES users (user_id), FOREIGN KEY(second_user_id) REFERENCES users (user_id));
    INSERT INTO users (user_id, active, is_paired) VALUES ('4xp9', 1, 0), ('7ann', 1, 0), ('zbob', 0, 0);
    INSERT INTO pairs (first_user_id, second_user_id, count) VALUES ('4xp9', '7ann', 2), ('4xp9', 'zbob', 0), ('7ann', 'zbob', 1);
  `);
  file.close();
}

function run(...args: string[]): Promise<CliResult> {
  const config = join(directory, 'watchbell.yaml');
  // Every command finds the database by DATABASE_URL.
  return runCli(['import', 'coffeebot', ...args], { config, secrets: directory, databaseUrl: database.url });
}

const met = async (): Promise<unknown[]> =>
  (await client.query('select name, one, other, times, last from coffee_met order by one, other')).rows;

test('past pairs are imported, mapped to people where a file says so, and importing again changes nothing', async () => {
  await writeFile(join(directory, 'who'), '# who is who\n7ann ann\nzbob, bob\n');
  const first = await run(join(directory, 'coffeebot.db'), '--people', join(directory, 'who'));
  expect(first).toEqual({
    status: 0,
    output: [
      '1 user not listed under people:, stored as "mattermost USER-ID". They are recognised once a connector called mattermost is configured; or map them to people with --people.',
      'Read 2 pairs of 3 people; 2 are new to the round random.',
    ].join('\n'),
  });
  expect(await met()).toEqual([
    { name: 'random', one: 'ann', other: 'bob', times: 1, last: 0 },
    { name: 'random', one: 'ann', other: 'mattermost 4xp9', times: 2, last: 0 },
  ]);
  const again = await run(join(directory, 'coffeebot.db'), '--people', join(directory, 'who'));
  expect(again.output).toContain('0 are new to the round random.');
  expect(await met()).toHaveLength(2);
}, 30_000);

test('a wrong file or name is reported in one sentence', async () => {
  await writeFile(join(directory, 'text'), 'hello');
  await writeFile(join(directory, 'bad'), '4xp9 nobody\n');
  const file = join(directory, 'coffeebot.db');
  for (const [args, says] of [
    [[join(directory, 'nothing.db')], 'does not exist'],
    [[join(directory, 'text')], 'is not the database of mattermost-coffeebot'],
    [[file, '--people', join(directory, 'bad')], 'bad:1: expected a user id and a key of people:'],
    [[file, '--round', 'kitchen'], 'there is no round called "kitchen"; configured: random'],
  ] as const) {
    const result = await run(...args);
    expect(result.status).toBe(2);
    expect(result.output).toContain(says);
  }
}, 30_000);
