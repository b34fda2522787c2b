import { latestGeneration } from '../config/generations.ts';
import type { Loaded, NotLoaded } from '../config/load.ts';
import type { DatabaseConfig } from '../config/schema.ts';
import type { Query } from '../db/database.ts';
import type { ProgramSetup } from './program-setup.ts';

/**
 * Where the database is when the configuration has problems: `DATABASE_URL`; its `database:`, if that part has no
 * problem; or the secret that the chart mounts. Undefined: only a valid configuration could tell.
 */
export async function whereDatabaseIs(
  { environment, secrets }: Pick<ProgramSetup, 'environment' | 'secrets'>,
  { database }: Pick<NotLoaded, 'database'>,
): Promise<DatabaseConfig | undefined> {
  if (environment.env['DATABASE_URL']) return { url: { env: 'DATABASE_URL' } };
  if (database) return database;
  const url = { file: 'database-uri' };
  return secrets.read(url).then(
    () => ({ url }),
    () => undefined,
  );
}

export interface LastGood {
  readonly loaded: Loaded;
  /** When a replica accepted it. */
  readonly since: Date;
}

/** The last configuration that any replica accepted; undefined if there is none, or this release rejects it. */
export async function readLastGood(
  query: Query,
  setup: Pick<ProgramSetup, 'loadStored'>,
): Promise<LastGood | undefined> {
  const latest = await latestGeneration(query);
  if (!latest) return undefined;
  const loaded = setup.loadStored(latest.content);
  return loaded.ok ? { loaded, since: latest.loadedAt } : undefined;
}
