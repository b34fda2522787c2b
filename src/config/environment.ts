import type { LogLevel } from '../log.ts';
import type { Config } from './schema.ts';
import type { Environment } from './substitute.ts';

/** Settings from environment variables. */
export interface EnvironmentSettings {
  /** `WATCHBELL_CONFIG`. */
  readonly configPath: string | undefined;
  /** `WATCHBELL_SECRETS`; default `/run/secrets/watchbell`. */
  readonly secretsDirectory: string;
  /** `LOG_LEVEL`; default `info`. */
  readonly logLevel: LogLevel;
  /** For `${NAME}` in files and `{ env: NAME }`. */
  readonly env: Environment;
}

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** The one reader of `process.env`. An unknown `LOG_LEVEL` means `info`: no reason not to start. */
export function readEnvironment(env: Environment = process.env): EnvironmentSettings {
  const level = env['LOG_LEVEL']?.toLowerCase();
  return {
    configPath: env['WATCHBELL_CONFIG'] || undefined,
    secretsDirectory: env['WATCHBELL_SECRETS'] || '/run/secrets/watchbell',
    logLevel: LOG_LEVELS.find((one) => one === level) ?? 'info',
    env,
  };
}

/** Kubernetes sets such variables for each Service in a namespace, like Docker links: `OPS_PORT=tcp://10.0.0.1:80`. */
const SERVICE_LINK = /^(?:tcp|udp|sctp):\/\//i;

export interface Reporter {
  readonly problem: (message: string) => void;
  readonly warning: (message: string) => void;
}

/** `PORT`, `OPS_PORT` and `DATABASE_URL` work without any file, and override one: they are set for this process. */
export function applyEnvironment(config: Config, env: Environment, { problem, warning }: Reporter): void {
  const port = (name: string): number | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
    if (SERVICE_LINK.test(text)) {
      const service = name.replace(/_?PORT$/, '').toLowerCase();
      warning(
        `${name} is ignored: Kubernetes set it to the address of a Service${service && ` called "${service}"`}, which is not a port (enableServiceLinks: false in the pod avoids this)`,
      );
      return undefined;
    }
    problem(`${name} is not a port: write a number from 1 to 65535`);
    return undefined;
  };
  const publicPort = port('PORT');
  const opsPort = port('OPS_PORT');
  if (publicPort !== undefined) config.http.port = publicPort;
  if (opsPort !== undefined) config.http.opsPort = opsPort;
  if (env['DATABASE_URL']) config.database = { url: { env: 'DATABASE_URL' } };
}
