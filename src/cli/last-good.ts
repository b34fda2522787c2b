import { latestGeneration } from '../config/generations.ts';
import type { Loaded, NotLoaded } from '../config/load.ts';
import type { DatabaseConfig } from '../config/schema.ts';
import type { Query } from '../db/database.ts';
import type { ProgramSetup } from './program-setup.ts';

/**
 * Where the database is, of a configuration with problems: `DATABASE_URL`; what it says of the database, when no problem is
 * there; or the secret that the chart mounts. Undefined: a good configuration would have to say.
 */
export async function whereDatabaseIs(
  { surroundings, secrets }: Pick<ProgramSetup, 'surroundings' | 'secrets'>,
  { database }: Pick<NotLoaded, 'database'>,
): Promise<DatabaseConfig | undefined> {
  if (surroundings.env['DATABASE_URL']) return { url: { env: 'DATABASE_URL' } };
  if (database) return database;
  const url = { file: 'database-uri' };
  return secrets.read(url).then(
    () => ({ url }),
    () => undefined,
  );
}

export interface LastGood {
  readonly loaded: Loaded;
  /** When a replica took it. */
  readonly since: Date;
}

/** The last configuration that any replica accepted; undefined where there is none, or this release has no use for it. */
export async function readLastGood(
  query: Query,
  setup: Pick<ProgramSetup, 'loadStored'>,
): Promise<LastGood | undefined> {
  const latest = await latestGeneration(query);
  if (!latest) return undefined;
  const loaded = setup.loadStored(latest.content);
  return loaded.ok ? { loaded, since: latest.loadedAt } : undefined;
}
