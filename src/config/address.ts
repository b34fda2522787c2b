import type pg from 'pg';
import { parse, toClientConfig, type ConnectionOptions } from 'pg-connection-string';
import { codeOf, StartFailed } from '../errors.ts';

/** The accepted parameters of an address, with their accepted values; others request something the driver cannot do. */
const PARAMETERS: Readonly<Record<string, RegExp>> = {
  ...words('user password host database application_name fallback_application_name options', /^/),
  port: /^\d*$/,
  // `sslmode` is checked separately.
  ...words('sslmode ssl sslcert sslkey sslrootcert', /^/),
  sslnegotiation: /^(postgres|direct)$/,
  uselibpqcompat: /^true$/,
  // Harmless to ignore.
  ...words('connect_timeout keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout', /^/),
  client_encoding: /^utf-?8$/i,
  gssencmode: /^(disable|prefer)$/,
  // A standby is detected, and waited for.
  target_session_attrs: /^(any|read-write|primary)$/,
  channel_binding: /^(disable|prefer|require)$/,
};
const PASSED_ON =
  'user password host port database ssl sslnegotiation application_name fallback_application_name options';
/** Parameters of other drivers. Only these are named in errors: anything else may be part of a password. */
const FOREIGN_PARAMETERS =
  'dbname hostaddr passfile service require_auth load_balance_hosts sslcrl sslpassword sslcompression requirepeer schema pgbouncer statement_timeout query_timeout lock_timeout'.split(
    ' ',
  );

/** Accepted values of `sslmode`: those of Postgres, except the ones that make encryption optional. */
const MODES: Readonly<Record<string, string | undefined>> = {
  disable: undefined,
  require: undefined,
  'verify-ca': undefined,
  'verify-full': undefined,
  'no-verify': 'sslmode=require, which means the same',
  prefer: 'sslmode=require for encryption, or sslmode=disable for none',
  allow: 'sslmode=require for encryption, or sslmode=disable for none',
};
const SEVERAL_HOSTS =
  'names several hosts, but a connection goes to one: write the one name that points to the primary, such as that of its Service';

function words(names: string, values: RegExp): Record<string, RegExp> {
  return Object.fromEntries(names.split(' ').map((name) => [name, values]));
}

/**
 * Reads an address with the driver's own parser, but with Postgres's meaning of `sslmode`, which is that of
 * `database.tls.mode`. `where` names its source in errors, which never show a part that may be secret.
 * @throws {StartFailed} with what to write instead.
 */
export function readAddress(text: string, where: string): pg.ClientConfig {
  if (/^postgres(ql)?:\/\/([^?#]*@)?[^@/?#]*,/.test(text)) throw new StartFailed(`${where} ${SEVERAL_HOSTS}`);
  const parsed = parsedBy(text, where);
  const wrong = problemIn(parsed);
  if (wrong !== undefined) throw new StartFailed(`${where} ${wrong}`);
  const config = toClientConfig(parsed) as Record<string, unknown>;
  const kept = PASSED_ON.split(' ').filter((word) => config[word] !== undefined && config[word] !== '');
  return {
    ...Object.fromEntries(kept.map((word) => [word, config[word]])),
    ...(['prefer', 'require'].includes(String(parsed['channel_binding'])) && { enableChannelBinding: true }),
  };
}

function parsedBy(text: string, where: string): ConnectionOptions {
  try {
    // A second @ belongs to the password; otherwise part of it would be taken for the host, and named in errors.
    if (/^postgres(ql)?:\/\/[^@?#]*@?[^@?#]*(\?[^#]*)?$/.test(text))
      // Specifying it twice is an error.
      return parse(text, { useLibpqCompat: !/[?&]uselibpqcompat=/.test(text) });
  } catch (error) {
    const { path } = error as { path?: unknown };
    if (typeof path === 'string')
      throw new StartFailed(
        `${where} names the file ${path}, which cannot be read (${codeOf(error)}): mount it there, or set the CA with database.tls: { ca: { file: NAME } }`,
        { cause: error },
      );
    if (/verify-ca/.test(String(error)))
      throw new StartFailed(
        `${where} has sslmode=verify-ca without a CA: add sslrootcert=/path/to/ca.crt, or write sslmode=verify-full`,
      );
  }
  throw new StartFailed(
    `${where} is not a database address: write postgres://USER:PASSWORD@HOST:5432/NAME there, with %-escapes for special characters in the password`,
  );
}

function problemIn(parsed: ConnectionOptions): string | undefined {
  const { host, port, ssl, sslmode } = parsed as ConnectionOptions & { readonly sslmode?: string };
  if (host?.includes(',') || port?.includes(',')) return SEVERAL_HOSTS;
  if (port && !(Number(port) <= 65_535)) return 'has an invalid port: write a number from 1 to 65535';
  if (sslmode !== undefined) {
    if (!Object.hasOwn(MODES, sslmode)) return `has an unknown sslmode: write ${modes()}`;
    if (MODES[sslmode] !== undefined) return `has sslmode=${sslmode}: write ${MODES[sslmode]}`;
  }
  if (typeof ssl === 'string') return `has an invalid value for ssl: write ${modes()}`;
  for (const [word, value] of Object.entries(parsed)) {
    if (word === 'ssl' || PARAMETERS[word]?.test(String(value ?? ''))) continue;
    if (Object.hasOwn(PARAMETERS, word)) return `has an unsupported value for ${word}: remove it`;
    const named = FOREIGN_PARAMETERS.includes(word) ? word : 'a parameter after the "?"';
    return `has ${named}, which is not supported: remove it`;
  }
  return undefined;
}

function modes(): string {
  return Object.keys(MODES)
    .filter((mode) => MODES[mode] === undefined)
    .map((mode) => `sslmode=${mode}`)
    .join(', ');
}
