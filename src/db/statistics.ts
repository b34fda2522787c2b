import type { Query } from './database.ts';

/** Number of changed rows above which a small table is analyzed. */
const MIN_CHANGES = 500;

/**
 * Analyzes tables that have about doubled: a plan cached while a table was empty would later read all of it
 * (3.9 ms instead of 0.1 among 9,000 alerts). Postgres itself does so at most once a minute. Returns the names of the tables.
 */
export async function refreshStatistics(query: Query): Promise<string[]> {
  const grown = await query<{ name: string }>(
    `select quote_ident(c.relname) as name from pg_stat_user_tables join pg_class c on c.oid = relid
     where c.relnamespace = current_schema()::regnamespace and n_mod_since_analyze > ${MIN_CHANGES} + greatest(c.reltuples, 0)
       and pg_has_role(c.relowner, 'usage')`,
  );
  for (const { name } of grown) await query(`analyze ${name}`);
  return grown.map(({ name }) => name);
}
