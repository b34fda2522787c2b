import type pg from 'pg';
import type { DatabaseConfig } from './schema.ts';
import type { Secrets } from './secrets.ts';

/** How to connect, with the secrets as they are now: read again for each new pool, so a rotated password is picked up. */
export async function clientConfig(database: DatabaseConfig, secrets: Secrets): Promise<pg.ClientConfig> {
  if (database.url) return { connectionString: await secrets.read(database.url) };
  const { host, port = 5432, name = 'watchbell', user = 'watchbell', password, tls } = database;
  const checks = tls?.mode === 'verify-ca' || tls?.mode === 'verify-full';
  return {
    host,
    port,
    database: name,
    user,
    ...(password && { password: await secrets.read(password) }),
    ...(tls &&
      tls.mode !== 'disable' && {
        ssl: {
          rejectUnauthorized: checks,
          ...(tls.ca && { ca: await secrets.read(tls.ca) }),
          // In Postgres's words verify-ca looks at the authority alone, not at the name.
          ...(tls.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
        },
      }),
  };
}
