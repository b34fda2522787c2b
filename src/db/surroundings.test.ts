import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { hasPgBouncer, startPgBouncer } from '../../test/harness/pgbouncer.ts';
import { createDatabase as emptyDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { createDatabase, type Database } from './database.ts';
import { findObstacles, assertUsable } from './surroundings.ts';

if (!hasPgBouncer) console.warn('SKIPPED: a real PgBouncer; to run it: apt-get install pgbouncer');

let home: TestDatabase;
let admin: pg.Client;
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  home = await emptyDatabase();
  admin = new pg.Client(home.url);
  await admin.connect();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await admin.end();
  await home.drop();
});

function openAt(url: string): Database {
  const database = createDatabase({
    url: async () => ({ connectionString: url }),
    poolSize: 1,
    idleInTransactionMs: 10_000,
    statementTimeoutMs: 10_000,
  });
  open.push(database);
  return database;
}

/** The address of the same database for a new user without privileges. */
async function asNewUser(): Promise<{ url: string; name: string; drop(): Promise<unknown> }> {
  const name = `stranger_${randomUUID().replaceAll('-', '')}`;
  await admin.query(`create role ${name} login password 'x'`);
  const url = Object.assign(new URL(home.url), { username: name, password: 'x' }).href;
  return { url, name, drop: () => admin.query(`drop owned by ${name}; drop role ${name}`) };
}

test('a database in UTF-8 whose user can create tables is accepted', async () => {
  expect(await findObstacles(openAt(home.url))).toEqual([]);
});

test.each(['LATIN1', 'EUC_JP'])(
  'a database in %s is rejected, with the command that creates a suitable one',
  async (encoding) => {
    const name = `t_${randomUUID().replaceAll('-', '')}`;
    await admin.query(`create database ${name} encoding '${encoding}' locale 'C' template template0`);
    const database = openAt(Object.assign(new URL(home.url), { pathname: name }).href);
    await expect(assertUsable(database)).rejects.toThrow(
      `this database cannot be used: the database ${name} is in ${encoding}, which cannot store most languages: create one in UTF-8 (createdb --encoding UTF8 --locale C --template template0 --owner postgres NAME)`,
    );
    await database.close();
    await admin.query(`drop database ${name} with (force)`);
  },
);

test('a user who cannot create tables is told what to grant', async () => {
  const other = await asNewUser();
  const database = openAt(other.url);
  const grant = `grant create on schema public to ${other.name}`;
  expect(await findObstacles(database)).toEqual([{ what: 'schema', message: expect.stringContaining(grant) }]);
  await admin.query(grant);
  expect(await findObstacles(database)).toEqual([]);
  await admin.query('drop schema public');
  const made = `create schema ${other.name} authorization ${other.name}`;
  expect(await findObstacles(database)).toEqual([{ what: 'schema', message: expect.stringContaining(made) }]);
  await admin.query(made);
  expect(await findObstacles(database)).toEqual([]);
  await other.drop();
});

test('tables of other programs and extensions are ignored', async () => {
  const other = await asNewUser();
  await admin.query(
    `create table spatial_ref_sys (id int); grant select on spatial_ref_sys to public; grant create on schema public to ${other.name}`,
  );
  expect(await findObstacles(openAt(other.url))).toEqual([]);
  await other.drop();
});

test('tables of another owner, as after a restore by an administrator, are reported with what to grant', async () => {
  const other = await asNewUser();
  await admin.query(`create table events (id int); grant create on schema public to ${other.name}`);
  const [tables, ...others] = await findObstacles(openAt(other.url));
  const grant = `grant all on all tables in schema public to ${other.name}`;
  expect([tables, others]).toEqual([{ what: 'tables', message: expect.stringContaining(grant) }, []]);
  await admin.query(grant);
  expect(await findObstacles(openAt(other.url))).toEqual([]);
  await other.drop();
});

/** A fake pooler: each statement or transaction of any client runs in the next free one of `sessions`. */
function pooled(sessions: readonly pg.Client[], order: 'first' | 'longest unused'): Pick<Database, 'dedicated'> {
  const free = [...sessions];
  return {
    dedicated: async () => {
      let held: pg.Client | undefined;
      return {
        processID: 1,
        query: async (text: string) => {
          held ??= free.shift();
          try {
            return await held?.query(text);
          } finally {
            if (text !== 'begin' && held && (text === 'rollback' || !(await inTransaction(held)))) {
              if (order === 'first') free.unshift(held);
              else free.push(held);
              held = undefined;
            }
          }
        },
        end: async () => {},
      } as never;
    },
  };
}

const inTransaction = async (client: pg.Client): Promise<boolean> => {
  const { rows } = await client.query<{ within: boolean }>(
    'select transaction_timestamp() <> statement_timestamp() as within',
  );
  return rows[0]?.within === true;
};

test.each([
  [1, 'first'],
  [3, 'first'],
  [3, 'longest unused'],
  [12, 'longest unused'],
] as const)('a transaction pooler with %i connections that uses the %s one is recognised', async (count, order) => {
  const sessions = Array.from({ length: count + 1 }, () => new pg.Client(home.url));
  await Promise.all(sessions.map((one) => one.connect()));
  expect(await findObstacles(pooled(sessions, order))).toEqual([
    { what: 'pooler', message: expect.stringContaining('pool_mode = session') },
  ]);
  await Promise.all(sessions.map((one) => one.end()));
});

(hasPgBouncer ? describe : describe.skip)('a real PgBouncer', () => {
  test.each(['transaction', 'statement'] as const)('in %s mode is rejected', async (mode) => {
    const bouncer = await startPgBouncer(home.url, mode);
    await expect(assertUsable(openAt(bouncer.url))).rejects.toThrow('point database.url at Postgres itself');
    await bouncer.stop();
  });

  test('in session mode is accepted', async () => {
    const bouncer = await startPgBouncer(home.url, 'session');
    expect(await findObstacles(openAt(bouncer.url))).toEqual([]);
    await bouncer.stop();
  });
});

test('a server that does not answer, as with dropped packets, is treated as unreachable', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  try {
    await expect(
      assertUsable(openAt(`postgres://bell:secret@127.0.0.1:${port}/bell?connect_timeout=1`)),
    ).rejects.toMatchObject({ code: 'WB_DATABASE_AWAY' });
  } finally {
    silent.close();
  }
}, 20_000);
