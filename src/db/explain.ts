import { codeOf, messageOf } from '../errors.ts';

const OWN_AUTHORITY =
  'name the authority that signed its certificate: database.tls: { ca: { file: NAME } }, or sslrootcert=/path/to/ca.crt in the address, or NODE_EXTRA_CA_CERTS';

/** Why there is no connection: code or words of the error, and what to do. The first that fits counts. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [
    /no encryption$/,
    'it takes encrypted connections only: database.tls: { mode: require }, or sslmode=require in the address',
  ],
  [
    /does not support SSL/,
    'let it speak TLS, or ask for none: database.tls: { mode: disable }, or sslmode=disable in the address',
  ],
  [/^28P01$/, 'look at the password in database.url'],
  [/^28000$/, 'look at the user in database.url, and whether pg_hba.conf lets it in from here'],
  [
    /^3D000$/,
    'look at database.url in the configuration, or make it: createdb --encoding UTF8 --template template0 --owner USER NAME',
  ],
  [/^permission denied for database/, 'let the user in: grant connect on database NAME to USER'],
  [/^53300$/, 'raise max_connections, or what the user may open: a replica uses up to 15'],
  [/^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/, OWN_AUTHORITY],
  [/^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY)$/, OWN_AUTHORITY],
  [/^CERT_HAS_EXPIRED$/, "renew the server's certificate"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'use a name that stands in its certificate, or look at the authority alone: database.tls: { mode: verify-ca, ca: { file: NAME } }, or sslmode=verify-ca in the address',
  ],
];

/** What a database that answers may lack, by the code of the error. */
const LACKS: Readonly<Record<string, string>> = {
  '42P01': 'lacks tables of this release: start the bot or run `watchbell migrate`, if it is the right database',
  '42703': 'lacks columns of this release: start the bot or run `watchbell migrate`, if it is the right database',
  '42501': 'does not allow that: let the user own the database, or grant it all in its schema',
};

/** What a statement failed for, as a sentence with the remedy; undefined: not for what the database at `place` lacks. */
export function explainMissing(error: unknown, place: string): string | undefined {
  const lacks = LACKS[codeOf(error) ?? ''];
  return lacks && `the database at ${place} ${lacks} (${messageOf(error)})`;
}

const OTHERWISE = 'look at database.url in the configuration, and whether the server runs';

/** What no connection came about for, as a sentence with the remedy; `otherwise`: what to do when nothing better is known. */
export function explainRejected(error: unknown, place: string, otherwise?: string): string {
  return `the database at ${place} cannot be reached: ${withRemedy(error, otherwise)}`;
}

export function withRemedy(error: unknown, otherwise = OTHERWISE): string {
  return `${messageOf(error)}; ${remedyOf(error) ?? otherwise}`;
}

/** Whether it was refused for a reason that waiting does not mend. */
export function isRefusal(error: unknown): boolean {
  return remedyOf(error) !== undefined;
}

function remedyOf(error: unknown): string | undefined {
  const about = [codeOf(error) ?? '', messageOf(error)];
  return REFUSALS.find(([sign]) => about.some((text) => sign.test(text)))?.[1];
}
