import type pg from 'pg';
import { StartFailed } from '../errors.ts';
import type { SecretRef } from '../skill.ts';
import type { DatabaseConfig } from './schema.ts';
import type { Secrets } from './secrets.ts';

/**
 * How to connect, with the secrets as they are now: read again for each new pool, so a rotated password is picked up.
 * @throws {StartFailed} when what should be an address is none.
 */
export async function clientConfig(database: DatabaseConfig, secrets: Secrets): Promise<pg.ClientConfig> {
  if (database.url) return { connectionString: checked(await secrets.read(database.url), database.url) };
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

/** `db.example.org:5432`, for people; never the user or the password. */
export function placeOf({ connectionString, host, port }: pg.ClientConfig): string {
  if (connectionString === undefined) return `${host ?? 'localhost'}:${port ?? 5432}`;
  const { hostname, port: written, searchParams } = new URL(connectionString);
  return `${hostname || (searchParams.get('host') ?? 'localhost')}:${written || '5432'}`;
}

/** The driver takes a word that is no address for the name of a host, and a bot would wait for that for ever. */
function checked(text: string, reference: SecretRef): string {
  // A second @ is one in the password: what is behind the first would be taken for the host, and named in errors.
  if (/^postgres(ql)?:\/\/[^@?]*@?[^@?]*(\?|$)/.test(text) && URL.canParse(text)) return text;
  const where = 'file' in reference ? `the file ${reference.file}` : `the variable ${reference.env}`;
  throw new StartFailed(
    `${where} holds no address of a database: write postgres://USER:PASSWORD@HOST:5432/NAME there, with %-escapes for signs in the password`,
  );
}
