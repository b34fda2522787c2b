import { randomUUID } from 'node:crypto';
import { LONGEST_MS, type Database, type Query, type Transaction } from '../db/database.ts';
import { skipUsedNumbers, type Since } from '../db/serial-numbers.ts';
import { StartFailed } from '../errors.ts';
import type { Line, Manifest } from './backup-file.ts';
import { quote, readSchema, readTables } from './dump.ts';

/** Work that is held until a person decides. */
export interface HeldCounts {
  readonly messages: number;
  readonly timers: number;
  readonly tasks: number;
  readonly events: number;
}

const BATCH_BYTES = 1024 * 1024;
const REASON = 'held by a restore';
/**
 * The count is part of a request's idempotency key. After the backup the bot continued counting, and a platform that gets such a
 * key again returns its earlier result, so counting continues above all earlier incarnations. Done while inserting each row:
 * afterwards it would be one statement over all messages and their indexes (300,000: a minute).
 */
const SENDS = 'sends + extract(epoch from transaction_timestamp())::bigint / 60';

/**
 * Restores a backup into a database that only has the schema, in one transaction. Work that was pending
 * when the backup was taken may have been done since, so it is held, and connectors read from now. Numbers continue
 * above any that may have been assigned since.
 * @throws {StartFailed} when the database is in use, or the backup is of a newer release.
 */
export async function restore(database: Database, lines: AsyncIterable<Line>): Promise<HeldCounts> {
  return database.transaction(async (transaction) => {
    const { query, script } = transaction;
    await assertUnused(query);
    const schema = await readSchema(query);
    const tables = new Map((await readTables(query)).map(({ name, columns }) => [name, columns]));
    await script(`truncate ${[...tables.keys()].map(quote).join(', ')}`);

    let manifest: Manifest | undefined;
    let batch: { table: string; rows: string[]; bytes: number } = { table: '', rows: [], bytes: 0 };
    const flush = async (): Promise<void> => {
      const columns = manifest?.tables.find(({ name }) => name === batch.table)?.columns ?? [];
      if (batch.rows.length > 0) await insert(query, batch.table, columns, batch.rows);
      batch = { ...batch, rows: [], bytes: 0 };
    };
    for await (const line of lines) {
      if (line.type === 'manifest') {
        manifest = line.manifest;
        assertNotNewer(manifest, schema, tables);
        continue;
      }
      if (line.table !== batch.table || batch.bytes > BATCH_BYTES) {
        await flush();
        batch.table = line.table;
      }
      batch.rows.push(line.json);
      batch.bytes += line.json.length;
    }
    await flush();
    if (manifest) await skipUsedNumbers(query, manifest.sequences, await since(query, manifest));
    return beginIncarnation(transaction);
  }, LONGEST_MS);
}

/** The first configuration is as old as the database, because none is ever deleted. */
async function since(query: Query, { takenAt }: Manifest): Promise<Since> {
  const [row] = await query<{ elapsed: number; lifetime: number | null }>(
    `select 1000 * extract(epoch from clock_timestamp() - $1::timestamptz)::float8 as elapsed,
       (select 1000 * extract(epoch from $1::timestamptz - min(loaded_at))::float8 from config_generations) as lifetime`,
    [takenAt],
  );
  return { elapsedMs: row?.elapsed ?? 0, lifetimeMs: row?.lifetime ?? 0 };
}

async function assertUnused(query: Query): Promise<void> {
  const [alive] = await query<{ count: number }>(
    `select count(*)::int as count from replicas where seen_at > clock_timestamp() - interval '30 seconds'`,
  );
  if ((alive?.count ?? 0) > 0)
    throw new StartFailed(
      'a bot is running on this database: stop it (kubectl scale --replicas 0), wait 30 s, and restore again',
    );
  const [used] = await query<{ used: boolean }>(
    'select exists (select from events) or exists (select from messages) as used',
  );
  if (used?.used)
    throw new StartFailed(
      'this database is in use: restore into an empty one (createdb --owner USER NAME), and point the bot to that',
    );
}

function assertNotNewer(
  manifest: Manifest,
  schema: Readonly<Record<string, number>>,
  tables: ReadonlyMap<string, readonly string[]>,
): void {
  for (const [part, number] of Object.entries(manifest.schema))
    if (number > (schema[part] ?? 0))
      throw new StartFailed(
        `the backup is of watchbell ${manifest.watchbell}, whose ${part} tables are newer than this program: restore with that release${part === 'core' ? '' : `, or add the skill ${part}`}`,
      );
  for (const { name, columns } of manifest.tables)
    for (const column of columns)
      if (!tables.get(name)?.includes(column))
        throw new StartFailed(
          `this release has no ${name}.${column}: restore with watchbell ${manifest.watchbell}, then upgrade`,
        );
}

async function insert(query: Query, table: string, columns: readonly string[], rows: readonly string[]): Promise<void> {
  const list = columns.map(quote).join(', ');
  const values = columns.map((column) => (table === 'messages' && column === 'sends' ? SENDS : quote(column)));
  await query(
    `insert into ${quote(table)} (${list}) overriding system value select ${values.join(', ')} from json_populate_recordset(null::${quote(table)}, $1::json)`,
    [`[${rows.join(',')}]`],
  );
}

/** Ensures that no older command runs, and nothing is shown, sent or rung twice. */
async function beginIncarnation({ query, script }: Transaction): Promise<HeldCounts> {
  // Sessions of that time may have been signed out since.
  // Without a cursor a connector starts with new events.
  await script(
    'delete from cursors; delete from leases; delete from replicas; delete from web_sessions; delete from web_sign_ins; delete from link_codes; update crons set last_at = clock_timestamp(); update schema_info set incarnation = gen_random_uuid()',
  );
  const count = async (statement: string, parameters: unknown[] = []): Promise<number> => {
    const [row] = await query<{ count: number }>(
      `with held as (${statement} returning 1) select count(*)::int as count from held`,
      parameters,
    );
    return row?.count ?? 0;
  };
  const error = randomUUID();
  const held = {
    messages: await count(
      `update messages set state = 'dead', reason = $1, attempt = null, fold = null where pending`,
      [REASON],
    ),
    timers: await count(`update timers set held = true where due_at <= clock_timestamp() and not held`),
    tasks: await count(
      `update tasks set state = 'queued', holder = null, heartbeat_at = null, run_at = 'infinity' where state <> 'done'`,
    ),
    events: await count(
      `update events set state = 'failed', result = 'failed', error_id = $1, handled_at = clock_timestamp() where state = 'new'`,
      [error],
    ),
  };
  if (held.events > 0)
    await query(`insert into errors (id, kind, at, message) values ($1, 'general', clock_timestamp(), $2)`, [
      error,
      REASON,
    ]);
  return held;
}
