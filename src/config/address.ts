import type pg from 'pg';
import { parse, toClientConfig, type ConnectionOptions } from 'pg-connection-string';
import { codeOf, StartFailed } from '../errors.ts';

/** What becomes of the words of an address, with the values that count; others ask for what is not to be had. */
const WORDS: Readonly<Record<string, RegExp>> = {
  ...words('user password host database application_name fallback_application_name options', /^/),
  port: /^\d*$/,
  // `sslmode` is looked at by itself.
  ...words('sslmode ssl sslcert sslkey sslrootcert', /^/),
  sslnegotiation: /^(postgres|direct)$/,
  uselibpqcompat: /^true$/,
  // Nothing that the driver would have to do for these.
  ...words('connect_timeout keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout', /^/),
  client_encoding: /^utf-?8$/i,
  gssencmode: /^(disable|prefer)$/,
  // A standby is recognised and waited out.
  target_session_attrs: /^(any|read-write|primary)$/,
  channel_binding: /^(disable|prefer|require)$/,
};
const PASSED_ON =
  'user password host port database ssl sslnegotiation application_name fallback_application_name options';
/** Words that people know from elsewhere. Only these are named: what else stands there may be a part of a password. */
const ELSEWHERE =
  'dbname hostaddr passfile service require_auth load_balance_hosts sslcrl sslpassword sslcompression requirepeer schema pgbouncer statement_timeout query_timeout lock_timeout'.split(
    ' ',
  );

/** What `sslmode` may say: Postgres's words, but for those that leave open whether the connection is encrypted. */
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
  'names several hosts, and a connection goes to one: write the one name that leads to the primary, such as that of its Service';

function words(names: string, values: RegExp): Record<string, RegExp> {
  return Object.fromEntries(names.split(' ').map((name) => [name, values]));
}

/**
 * What an address means: as the driver's own parser reads it, with Postgres's meaning of `sslmode`, which is that of
 * `database.tls.mode`. `where`: what holds it, for errors; they show no part that may be a secret.
 * @throws {StartFailed} saying what to write instead.
 */
export function readAddress(text: string, where: string): pg.ClientConfig {
  if (/^postgres(ql)?:\/\/([^?#]*@)?[^@/?#]*,/.test(text)) throw new StartFailed(`${where} ${SEVERAL_HOSTS}`);
  const parsed = parsedBy(text, where);
  const wrong = whatIsWrong(parsed);
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
    // A second @ is one in the password: what is behind the first would be taken for the host, and named in errors.
    if (/^postgres(ql)?:\/\/[^@?#]*@?[^@?#]*(\?[^#]*)?$/.test(text))
      // Said twice it is an error.
      return parse(text, { useLibpqCompat: !/[?&]uselibpqcompat=/.test(text) });
  } catch (error) {
    const { path } = error as { path?: unknown };
    if (typeof path === 'string')
      throw new StartFailed(
        `${where} names the file ${path}, which cannot be read (${codeOf(error)}): mount it there, or give an authority as database.tls: { ca: { file: NAME } }`,
        { cause: error },
      );
    if (/verify-ca/.test(String(error)))
      throw new StartFailed(
        `${where} says sslmode=verify-ca without an authority: add sslrootcert=/path/to/ca.crt, or write sslmode=verify-full`,
      );
  }
  throw new StartFailed(
    `${where} holds no address of a database: write postgres://USER:PASSWORD@HOST:5432/NAME there, with %-escapes for signs in the password`,
  );
}

function whatIsWrong(parsed: ConnectionOptions): string | undefined {
  const { host, port, ssl, sslmode } = parsed as ConnectionOptions & { readonly sslmode?: string };
  if (host?.includes(',') || port?.includes(',')) return SEVERAL_HOSTS;
  if (port && !(Number(port) <= 65_535)) return 'says a port that is none: write a number from 1 to 65535';
  if (sslmode !== undefined) {
    if (!Object.hasOwn(MODES, sslmode)) return `says an sslmode that there is not: write ${modes()}`;
    if (MODES[sslmode] !== undefined) return `says sslmode=${sslmode}: write ${MODES[sslmode]}`;
  }
  if (typeof ssl === 'string') return `says ssl in a way that is not understood: write ${modes()}`;
  for (const [word, value] of Object.entries(parsed)) {
    if (word === 'ssl' || WORDS[word]?.test(String(value ?? ''))) continue;
    if (Object.hasOwn(WORDS, word)) return `says ${word} with a value that is not to be had: take it out`;
    const named = ELSEWHERE.includes(word) ? word : 'a word behind the "?"';
    return `says ${named}, which has no meaning here: take it out`;
  }
  return undefined;
}

function modes(): string {
  return Object.keys(MODES)
    .filter((mode) => MODES[mode] === undefined)
    .map((mode) => `sslmode=${mode}`)
    .join(', ');
}
