import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';
import { mask } from './mask.ts';

/** Object first, then one constant lower-case sentence. One child per unit: `log.child({ connector })`. */
export type Logger = PinoLogger;

/** The part of the logger that units use. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Readable lines for a terminal; otherwise JSON lines. */
  readonly pretty?: boolean;
  /** Default: standard output, written synchronously so that nothing is lost if the process dies. */
  readonly destination?: DestinationStream;
}

/**
 * Creates the program's logger. Fields named like secrets are redacted at up to three levels of depth, errors are reduced
 * to what a reader needs, and known secrets are masked in the complete line.
 */
export function createLogger({ level, pretty = false, destination }: LoggerOptions): Logger {
  const target = destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError, reason: describeError },
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    },
    maskedStream(target, pretty ? prettyLine : (line) => line),
  );
}

const SECRET_KEYS = [
  'authorization',
  'Authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'tokens',
  'accessToken',
  'access_token',
  'botToken',
  'appToken',
  'connectionString',
  'databaseUrl',
];
const SECRET_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** Only type, message, code, stack and causes: errors of HTTP clients contain complete requests with headers. */
function describeError(error: unknown, depth = 0): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const { name, message, code, stack, cause } = error as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    stack?: unknown;
    cause?: unknown;
  };
  return {
    type: name,
    message,
    code,
    stack,
    ...(cause === undefined || depth >= 4 ? {} : { cause: describeError(cause, depth + 1) }),
  };
}

function maskedStream(target: DestinationStream, format: (line: string) => string): DestinationStream {
  return {
    write(line: string): void {
      target.write(mask(format(line)));
    },
  };
}

function prettyLine(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, err, error, ...rest } = entry;
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value)}`,
  );
  const failure = (err ?? error) as { stack?: string; message?: string } | string | undefined;
  const trace =
    failure === undefined
      ? ''
      : `\n  ${typeof failure === 'string' ? failure : (failure.stack ?? failure.message ?? '')}`;
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(msg ?? '')}${fields.join('')}${trace}\n`;
}
