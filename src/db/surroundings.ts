import type pg from 'pg';
import { StartFailed } from '../errors.ts';
import { awayOr, type Database } from './database.ts';
import { tablesMade } from './migrate.ts';

/** Something about a database that answers which keeps the bot from doing its work there. */
export interface Obstacle {
  readonly what: 'encoding' | 'schema' | 'tables' | 'pooler';
  /** With the line to type. */
  readonly message: string;
}

/** A pooler hands out its free connections in an order of its own; by chance it gives the same ones once, and not this often. */
const ROUNDS = 8;

/** @throws {StartFailed} naming everything that stands in the way, before anything is accepted. */
export async function refuseUnfit(database: Pick<Database, 'dedicated'>): Promise<void> {
  const obstacles = await findObstacles(database);
  if (obstacles.length > 0)
    throw new StartFailed(`this database will not do: ${obstacles.map(({ message }) => message).join('; ')}`);
}

/** What stands in the way, of the database and of the way to it. Takes two connections for a moment. */
export async function findObstacles(database: Pick<Database, 'dedicated'>): Promise<Obstacle[]> {
  const client = await database.dedicated();
  try {
    return [...(await examine(client)), ...(await examineWay(client, database))];
  } catch (error) {
    throw awayOr(error);
  } finally {
    await client.end().catch(() => {});
  }
}

interface Place {
  readonly encoding: string;
  readonly name: string;
  readonly user: string;
  readonly schema: string | null;
  readonly mayCreate: boolean | null;
  /** Tables that are there and may not be used. */
  readonly shut: number;
}

async function examine(client: pg.Client): Promise<Obstacle[]> {
  // Other programs, and extensions, may have tables of their own in the same schema.
  const ours = [...(await tablesMade())].map((name) => `'${name}'`).join(', ');
  const { rows } = await client.query<Place>(
    `select current_setting('server_encoding') as encoding, quote_ident(current_database()) as name, quote_ident(current_user) as user,
       quote_ident(current_schema()) as schema, has_schema_privilege(current_schema(), 'create') as "mayCreate",
       (select count(*)::int from pg_class c where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname in (${ours})
          and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
                   and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete'))) as shut`,
  );
  const [place] = rows;
  if (!place) return [];
  const { encoding, name, user, schema, mayCreate, shut } = place;
  const found: Obstacle[] = [];
  if (encoding !== 'UTF8')
    found.push({
      what: 'encoding',
      message: `the database ${name} is in ${encoding}, which lacks most of what people write: make one in UTF-8 (createdb --encoding UTF8 --locale C --template template0 --owner ${user} NAME); what is in this one comes along with watchbell backup and restore`,
    });
  if (schema === null)
    found.push({
      what: 'schema',
      message: `${user} finds no schema in ${name} to make tables in: create schema ${user} authorization ${user}`,
    });
  else if (!mayCreate)
    found.push({
      what: 'schema',
      message: `${user} may not make tables in the schema ${schema} of ${name}: grant create on schema ${schema} to ${user} (or: alter database ${name} owner to ${user})`,
    });
  if (shut > 0)
    found.push({
      what: 'tables',
      message: `${user} may not use ${shut === 1 ? 'a table' : `${shut} tables`} in the schema ${schema} of ${name}: grant all on all tables in schema ${schema} to ${user}; grant all on all sequences in schema ${schema} to ${user}`,
    });
  return found;
}

/**
 * Session settings, prepared statements and LISTEN need a connection of Postgres's for each of ours. A pooler by transaction
 * gives one away as soon as a transaction ends: then another of our connections gets it while the first still has its own.
 * Where Postgres itself tells its process number at the beginning, there is no pooler at all.
 */
async function examineWay(client: pg.Client, database: Pick<Database, 'dedicated'>): Promise<Obstacle[]> {
  if ((await processOf(client)) === announced(client)) return [];
  const other = await database.dedicated();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const mine = await processOf(client);
      await other.query('begin');
      const others = await processOf(other);
      // While the other one holds its connection, mine must still be the same.
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
    'the address leads to a pooler that gives every transaction another connection, and settings, prepared statements and LISTEN are lost in between: point database.url at Postgres itself (its port is often 5432 rather than 6432 or 6543), or let the pooler keep sessions (PgBouncer: pool_mode = session)',
};

async function processOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** As the driver got it with the key for cancelling; a pooler makes one up. */
function announced(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID;
}
