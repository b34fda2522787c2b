import type pg from 'pg';
import { StartFailed } from '../errors.ts';
import { asDatabaseAway, type Database } from './database.ts';
import { createdTables } from './migrate.ts';

/** A property of a reachable database that the bot cannot work with. */
export interface Obstacle {
  readonly what: 'encoding' | 'schema' | 'tables' | 'pooler';
  /** Includes the command to run. */
  readonly message: string;
}

/** A pooler assigns free connections in any order; by chance it may assign the same ones once, but not this often. */
const ROUNDS = 8;

/** @throws {StartFailed} naming every obstacle, before anything is accepted. */
export async function assertUsable(database: Pick<Database, 'dedicated'>): Promise<void> {
  const obstacles = await findObstacles(database);
  if (obstacles.length > 0)
    throw new StartFailed(`this database cannot be used: ${obstacles.map(({ message }) => message).join('; ')}`);
}

/** Obstacles of the database and of the connection to it. Briefly uses two connections. */
export async function findObstacles(database: Pick<Database, 'dedicated'>): Promise<Obstacle[]> {
  const client = await database.dedicated();
  try {
    return [...(await examine(client)), ...(await examineConnection(client, database))];
  } catch (error) {
    throw asDatabaseAway(error);
  } finally {
    await client.end().catch(() => {});
  }
}

interface Place {
  readonly encoding: string;
  readonly name: string;
  readonly user: string;
  readonly schema: string | null;
  readonly canCreate: boolean | null;
  /** Number of existing tables without privileges. */
  readonly forbidden: number;
}

async function examine(client: pg.Client): Promise<Obstacle[]> {
  // Other programs and extensions may have tables in the same schema.
  const ours = [...(await createdTables())].map((name) => `'${name}'`).join(', ');
  const { rows } = await client.query<Place>(
    `select current_setting('server_encoding') as encoding, quote_ident(current_database()) as name, quote_ident(current_user) as user,
       quote_ident(current_schema()) as schema, has_schema_privilege(current_schema(), 'create') as "canCreate",
       (select count(*)::int from pg_class c where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname in (${ours})
          and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
                   and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete'))) as forbidden`,
  );
  const [place] = rows;
  if (!place) return [];
  const { encoding, name, user, schema, canCreate, forbidden } = place;
  const found: Obstacle[] = [];
  if (encoding !== 'UTF8')
    found.push({
      what: 'encoding',
      message: `the database ${name} is in ${encoding}, which cannot store most languages: create one in UTF-8 (createdb --encoding UTF8 --locale C --template template0 --owner ${user} NAME); move the data with watchbell backup and restore`,
    });
  if (schema === null)
    found.push({
      what: 'schema',
      message: `${user} has no schema in ${name} to create tables in: create schema ${user} authorization ${user}`,
    });
  else if (!canCreate)
    found.push({
      what: 'schema',
      message: `${user} cannot create tables in the schema ${schema} of ${name}: grant create on schema ${schema} to ${user} (or: alter database ${name} owner to ${user})`,
    });
  if (forbidden > 0)
    found.push({
      what: 'tables',
      message: `${user} cannot use ${forbidden === 1 ? 'a table' : `${forbidden} tables`} in the schema ${schema} of ${name}: grant all on all tables in schema ${schema} to ${user}; grant all on all sequences in schema ${schema} to ${user}`,
    });
  return found;
}

/**
 * Session settings, prepared statements and LISTEN need one Postgres connection for each of ours. A transaction pooler
 * reassigns a connection as soon as a transaction ends, so that another of our connections gets it.
 * If Postgres itself announces its process number at connect, there is no pooler.
 */
async function examineConnection(client: pg.Client, database: Pick<Database, 'dedicated'>): Promise<Obstacle[]> {
  if ((await processOf(client)) === announced(client)) return [];
  const other = await database.dedicated();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const mine = await processOf(client);
      await other.query('begin');
      const others = await processOf(other);
      // While the other client holds its connection, mine must be unchanged.
      const again = await processOf(client);
      await other.query('rollback');
      if (others === mine || again !== mine) return [POOLER];
    }
    return [];
  } catch (error) {
    if (/statement pooling/i.test(String(error))) return [POOLER];
    throw error;
  } finally {
    await other.end();
  }
}

const POOLER: Obstacle = {
  what: 'pooler',
  message:
    'the address is that of a pooler that uses a different connection for each transaction, which breaks session settings, prepared statements and LISTEN: point database.url at Postgres itself (its port is often 5432 rather than 6432 or 6543), or let the pooler keep sessions (PgBouncer: pool_mode = session)',
};

async function processOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** As received with the cancel key; a pooler makes one up. */
function announced(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID;
}
