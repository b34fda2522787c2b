import type pg from 'pg';
import type { SecretRef } from '../contract/secret.ts';
import { StartFailed } from '../errors.ts';
import { readAddress } from './address.ts';
import type { DatabaseConfig } from './schema.ts';
import type { Secrets } from './secrets.ts';

/**
 * Connection settings with the current secrets: read again for each new pool, so a rotated password is picked up.
 * @throws {StartFailed} when the address is invalid or has unsupported settings.
 */
export async function clientConfig(database: DatabaseConfig, secrets: Secrets): Promise<pg.ClientConfig> {
  const { url, host, port = 5432, name = 'watchbell', user = 'watchbell', password, tls } = database;
  const encryption = tls && { ssl: await encryptionOf(tls, secrets) };
  if (!url)
    return {
      ...{ host, port, database: name, user },
      ...(password && { password: await secrets.read(password) }),
      ...encryption,
    };
  const where = whereIs(url);
  const config = readAddress(await secrets.read(url), where);
  if (encryption && config.ssl !== undefined)
    throw new StartFailed(`${where} sets the encryption, and so does database.tls: set it in one place`);
  return { ...config, ...encryption };
}

async function encryptionOf(
  { mode, ca }: NonNullable<DatabaseConfig['tls']>,
  secrets: Secrets,
): Promise<pg.ClientConfig['ssl']> {
  if (mode === 'disable') return false;
  // In Postgres only verify-full checks the host name, and `require` means verify-ca if a CA is given.
  return {
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    ...(ca && { ca: await secrets.readLines(ca) }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}

/** `db.example.org:5432`, for people; never the user or the password. */
export function placeOf({ host, port }: pg.ClientConfig): string {
  return `${host ?? 'localhost'}:${port ?? 5432}`;
}

function whereIs(reference: SecretRef): string {
  return 'file' in reference ? `the file ${reference.file}` : `the variable ${reference.env}`;
}
