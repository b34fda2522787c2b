import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDatabase } from '../db/database.ts';
import { migrate, readCoreMigrations, type SkillMigrations } from '../db/migrate.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** Any number: the first process that needs a template creates it, and the others wait. */
const TEMPLATE_LOCK = 7_236_110_002;

/**
 * Creates a database on a server, with the tables of the core and of these skills. It is copied from a template that was migrated
 * once per run (measured: 90 ms instead of 590 on a busy machine).
 */
export async function createMigratedDatabase(
  server: string,
  skills: readonly SkillMigrations[] = [],
): Promise<TestDatabase> {
  const template = await templateOf(server, skills);
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await onServer(server, (client) => client.query(`create database ${name} template ${template} strategy file_copy`));
  const url = at(server, name);
  // The incarnation identifies a database.
  await onServer(url, (client) => client.query('update schema_info set incarnation = gen_random_uuid()'));
  return {
    url,
    drop: () => onServer(server, (client) => client.query(`drop database if exists ${name} with (force)`)),
  };
}

async function templateOf(server: string, skills: readonly SkillMigrations[]): Promise<string> {
  const definition = JSON.stringify([await readCoreMigrations(), skills]);
  const name = `watchbell_template_${createHash('sha256').update(definition).digest('hex').slice(0, 16)}`;
  await onServer(server, async (client) => {
    await client.query(`select pg_advisory_lock(${TEMPLATE_LOCK})`);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return;
    await client.query(`create database ${name}_new`);
    const database = createDatabase({
      url: async () => ({ connectionString: at(server, `${name}_new`) }),
      poolSize: 1,
      idleInTransactionMs: 30_000,
      statementTimeoutMs: 30_000,
    });
    await migrate(database, skills);
    await database.close();
    // Rename it only when it is complete.
    await client.query(`alter database ${name}_new rename to ${name}`);
  });
  return name;
}

function at(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
