import type { Sql } from '../contract/sql.ts';

export interface Generation {
  /** Increases with each different configuration that was accepted. */
  readonly generation: number;
  readonly hash: string;
  /** See `Loaded.content`. */
  readonly content: string;
  readonly loadedAt: Date;
}

/**
 * Records an accepted configuration and returns its generation, unchanged if it is the latest already. The lock makes
 * replicas that load the same change at once agree on one number. Run it in a transaction.
 */
export async function storeGeneration(
  sql: Sql,
  { hash, content }: Pick<Generation, 'hash' | 'content'>,
): Promise<number> {
  await sql(`lock table config_generations in share row exclusive mode`);
  const latest = await latestGeneration(sql);
  if (latest?.hash === hash) return latest.generation;
  const [row] = await sql<{ generation: string }>(
    `insert into config_generations (hash, content, loaded_at) values ($1, $2, clock_timestamp()) returning generation`,
    [hash, content],
  );
  return Number(row?.generation);
}

/** The last configuration that any replica accepted. */
export async function latestGeneration(sql: Sql): Promise<Generation | undefined> {
  const [row] = await sql<{ generation: string; hash: string; content: string; loaded_at: Date }>(
    `select generation, hash, content, loaded_at from config_generations order by generation desc limit 1`,
  );
  return row && { generation: Number(row.generation), hash: row.hash, content: row.content, loadedAt: row.loaded_at };
}
