import { allow, LONGEST_MS, type Database, type Query } from '../db/database.ts';
import { readCounts } from '../db/serial-numbers.ts';
import type { Line, Manifest } from './backup-file.ts';

/** Rows may be large: 600 failed webhooks of 0.9 MB took 690 MB of memory at 500 rows a time, and the chart's limit is 512. */
const FETCH = 50;
/** A file has up to 8 MiB, and twice as many characters as JSON. */
const FETCH_FILES = 1;

/** A snapshot of the complete database, while the bot continues. One transaction is open until the end. */
export async function* dump(database: Database, version: string): AsyncGenerator<Line> {
  const lines = new TransformStream<Line, Line>();
  const writer = lines.writable.getWriter();
  const work = database.connection(async ({ query, script }) => {
    await script(`begin isolation level repeatable read read only; ${allow(LONGEST_MS)}`);
    const manifest = await describe(query, version);
    await writer.write({ type: 'manifest', manifest });
    for (const { name, columns } of manifest.tables) {
      await script(
        `declare backup no scroll cursor for select row_to_json(t)::text as json from (select ${columns.map(quote).join(', ')} from ${quote(name)}) t`,
      );
      const batchSize = name === 'files' ? FETCH_FILES : FETCH;
      for (;;) {
        const rows = await script<{ json: string }>(`fetch ${batchSize} from backup`);
        for (const { json } of rows) await writer.write({ type: 'row', table: name, json });
        if (rows.length < batchSize) break;
      }
      await script('close backup');
    }
    await script('commit');
  }, LONGEST_MS);
  const done = work.then(
    () => writer.close(),
    (error: unknown) => writer.abort(error),
  );
  yield* lines.readable;
  await done;
}

async function describe(query: Query, watchbell: string): Promise<Manifest> {
  const [now] = await query<{ now: Date }>('select transaction_timestamp() as now');
  return {
    watchbell,
    format: 1,
    takenAt: (now?.now ?? new Date()).toISOString(),
    schema: await readSchema(query),
    tables: await readTables(query),
    sequences: await readCounts(query),
  };
}

/** Number of the newest migration, by `core` and skill. */
export async function readSchema(query: Query): Promise<Record<string, number>> {
  const rows = await query<{ skill: string; number: number }>(
    `select 'core' as skill, version as number from schema_info
     union all select skill, max(number) from skill_migrations group by skill order by 1`,
  );
  return Object.fromEntries(rows.map(({ skill, number }) => [skill, number]));
}

/** Tables with their writable columns, referenced tables first; without the schema version, which `readSchema` returns. */
export async function readTables(query: Query): Promise<Manifest['tables']> {
  const rows = await query<{ name: string; columns: string[]; refers: string[] }>(
    `select c.relname as name,
       array_agg(a.attname::text order by a.attnum) as columns,
       array(select r.relname::text from pg_constraint k join pg_class r on r.oid = k.confrelid
             where k.conrelid = c.oid and k.contype = 'f' and r.oid <> c.oid) as refers
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname not in ('schema_info', 'skill_migrations') group by c.oid order by c.relname`,
  );
  const sorted: { name: string; columns: string[] }[] = [];
  const waiting = [...rows];
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ refers }) => refers.every((one) => sorted.some(({ name }) => name === one)));
    // Tables with circular references could not be filled one after another; no migration creates such.
    const [table] = waiting.splice(Math.max(next, 0), 1);
    if (table) sorted.push({ name: table.name, columns: table.columns });
  }
  return sorted;
}

/** Quotes an identifier. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
