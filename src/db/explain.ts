import { codeOf, messageOf } from '../errors.ts';

const CUSTOM_CA =
  'configure the CA that signed its certificate: database.tls: { ca: { file: NAME } }, or sslrootcert=/path/to/ca.crt in the address, or NODE_EXTRA_CA_CERTS';

/** Code or text of a connection error, and the remedy. The first match applies. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [
    /no encryption$/,
    'it only accepts encrypted connections: database.tls: { mode: require }, or sslmode=require in the address',
  ],
  [
    /does not support SSL/,
    'enable TLS on the server, or turn it off here: database.tls: { mode: disable }, or sslmode=disable in the address',
  ],
  [/^28P01$/, 'check the password in database.url'],
  [/^28000$/, 'check the user in database.url, and whether pg_hba.conf allows it from here'],
  [
    /^3D000$/,
    'check database.url in the configuration, or create the database: createdb --encoding UTF8 --template template0 --owner USER NAME',
  ],
  [/^permission denied for database/, 'allow the user to connect: grant connect on database NAME to USER'],
  [/^53300$/, 'raise max_connections, or the connection limit of the user: a replica uses up to 15'],
  [/^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/, CUSTOM_CA],
  [/^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY)$/, CUSTOM_CA],
  [/^CERT_HAS_EXPIRED$/, "renew the server's certificate"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'use a name from its certificate, or verify only the CA: database.tls: { mode: verify-ca, ca: { file: NAME } }, or sslmode=verify-ca in the address',
  ],
];

/** What a reachable database may lack, by error code. */
const MISSING: Readonly<Record<string, string>> = {
  '42P01': 'lacks tables of this release: start the bot or run `watchbell migrate`, if it is the right database',
  '42703': 'lacks columns of this release: start the bot or run `watchbell migrate`, if it is the right database',
  '42501': 'does not allow that: make the user its owner, or grant all privileges on its schema',
};

/** Explains why a statement failed, with the remedy; undefined if the database at `place` lacks nothing. */
export function explainMissing(error: unknown, place: string): string | undefined {
  const missing = MISSING[codeOf(error) ?? ''];
  return missing && `the database at ${place} ${missing} (${messageOf(error)})`;
}

const DEFAULT_REMEDY = 'check database.url in the configuration, and whether the server is running';

/** Explains why there is no connection, with the remedy; `fallback`: the remedy when no better one is known. */
export function explainRejected(error: unknown, place: string, fallback?: string): string {
  return `the database at ${place} cannot be reached: ${withRemedy(error, fallback)}`;
}

export function withRemedy(error: unknown, fallback = DEFAULT_REMEDY): string {
  return `${messageOf(error)}; ${remedyOf(error) ?? fallback}`;
}

/** Whether the connection was rejected for a reason that waiting does not fix. */
export function isRefusal(error: unknown): boolean {
  return remedyOf(error) !== undefined;
}

function remedyOf(error: unknown): string | undefined {
  const about = [codeOf(error) ?? '', messageOf(error)];
  return REFUSALS.find(([sign]) => about.some((text) => sign.test(text)))?.[1];
}
