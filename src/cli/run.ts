import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { App, type AppOptions } from '../app.ts';
import { placeOf } from '../config/database.ts';
import { storeGeneration } from '../config/generations.ts';
import type { Loaded, LoadResult } from '../config/load.ts';
import { watchConfig, type ConfigWatch } from '../config/watch.ts';
import type { Database } from '../db/database.ts';
import { explainMissing, explainRejected, isRefusal } from '../db/explain.ts';
import { StartFailed, messageOf } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { stoppable } from '../signals.ts';
import { readVersion } from '../version.ts';
import {
  createProgramSetup,
  TRIAL_ADDRESS_FILE,
  TRIAL_URL_FILE,
  type OpenedDatabase,
  type ProgramSetup,
  type ProgramSetupOptions,
} from './program-setup.ts';
import { findStartupConfig, untilChanged, type StartupConfig } from './startup-config.ts';
import { welcome } from './welcome.ts';

const DEFAULT_PORT = 8080;
const DEFAULT_OPS_PORT = 8081;
const INVALID_CHANGE = 'changed configuration is invalid; still using the previous one';

/** What a test adds to the program; see `AppOptions`. */
export type RunHooks = Pick<AppOptions, 'shift' | 'crashPoint'> & { readonly acceptForMs?: number };

/** Runs the bot until it gets a stop signal; resolves when it is up. @throws {StartFailed} or {ConfigInvalid}. */
export async function run(options: ProgramSetupOptions, hooks: RunHooks = {}): Promise<undefined> {
  const setup = await createProgramSetup(options);
  const trial = setup.path === undefined;
  const log = createLogger({
    level: trial && setup.environment.logLevel === 'info' ? 'warn' : setup.environment.logLevel,
    pretty: trial,
  });
  // Everything accepted is in the database: log why and exit; the next process continues.
  process.on('unhandledRejection', (error) => log.error({ error }, 'unhandled promise rejection'));
  process.on('uncaughtException', (error) => {
    log.fatal({ error }, 'exiting after an unexpected error');
    process.exit(1);
  });
  let bot: Bot | undefined;
  const stop = stoppable(log, async (quick) => {
    await bot?.watch?.stop();
    await bot?.app.stop({ acceptForMs: quick || trial ? 0 : (hooks.acceptForMs ?? 5000) });
    if (!bot?.opened.embedded) return;
    await bot.opened.embedded.stop();
    for (const file of [TRIAL_URL_FILE, TRIAL_ADDRESS_FILE]) await rm(join(setup.dataDirectory, file), { force: true });
  });
  do bot = await start(setup, await findStartupConfig(setup, log), log, hooks);
  while (!bot);
  const { app, opened, fallback } = bot;
  app.metrics.configReloadOk.set(fallback === undefined ? 1 : 0);
  app.metrics.configReloadTime.set(Date.now() / 1000);
  if (fallback !== undefined)
    await app.notifyOps(
      'config',
      `I am running with my last good configuration, because the current one has problems:\n${fallback.slice(0, 10).join('\n')}`,
    );
  if (opened.embedded) {
    await writeFile(join(setup.dataDirectory, TRIAL_URL_FILE), `${opened.embedded.url}\n`, { mode: 0o600 });
    await writeFile(
      join(setup.dataDirectory, TRIAL_ADDRESS_FILE),
      `http://127.0.0.1:${app.port}${app.config.http.basePath}\n`,
    );
  }
  if (trial) await welcome(app, setup);
  else if (Object.values(app.config.connectors).some((one) => one.type === 'web' && one['password'] === undefined))
    log.info({}, 'the web chat has no password: `watchbell sign-in` prints a link to open it');
  stop.armed();
  return undefined;
}

interface Bot extends StartupConfig {
  readonly app: App;
  readonly watch: ConfigWatch | undefined;
}

/** Undefined when the configuration was changed while the database did not answer: it may name a different one now. */
async function start(
  setup: ProgramSetup,
  startup: StartupConfig,
  log: Logger,
  hooks: RunHooks,
): Promise<Bot | undefined> {
  const { loaded, opened, sourceHash } = startup;
  logWarnings(log, loaded);
  for (const { skill, because } of loaded.disabled) log.info({ skill, because }, 'skill is off');
  const { http } = loaded.config;
  // What is in use now: an emptied database must store this one, not the one the program started with.
  let current: Pick<Loaded, 'hash' | 'content'> = loaded;
  const app = new App({
    version: readVersion(),
    config: loaded.config,
    platforms: setup.platforms,
    folders: setup.folders,
    generation: (database) => storeConfig(database, current),
    database: opened.config,
    secret: (reference) => setup.secrets.read(reference),
    log,
    ports: {
      port: http.port ?? DEFAULT_PORT,
      opsPort: http.opsPort ?? DEFAULT_OPS_PORT,
      portFixed: http.port !== undefined,
      opsPortFixed: http.opsPort !== undefined,
    },
    ...hooks,
  });
  const shouldAbort = (result: LoadResult): boolean => {
    if (!result.ok) log.error({ problems: result.problems }, INVALID_CHANGE);
    return result.ok;
  };
  try {
    if (await untilChanged({ setup, sourceHash, log, shouldAbort }, (changed) => app.start(changed))) {
      const { path } = setup;
      const watch =
        path === undefined
          ? undefined
          : watchReloads({ setup, path, app, log, sourceHash, onReloaded: (one) => (current = one) });
      return { ...startup, app, watch };
    }
  } catch (error) {
    await opened.embedded?.stop();
    throw error instanceof StartFailed
      ? error
      : new StartFailed(await explainStartFailure(error, opened), { cause: error });
  }
  log.info({}, 'configuration was changed before the database answered; starting with it');
  await opened.embedded?.stop();
  return undefined;
}

async function explainStartFailure(error: unknown, { config }: OpenedDatabase): Promise<string> {
  const place = placeOf(await config());
  const message = isRefusal(error) ? explainRejected(error, place) : (explainMissing(error, place) ?? messageOf(error));
  return `cannot start: ${message}`;
}

function logWarnings(log: Logger, { warnings }: Loaded): void {
  for (const warning of warnings) log.warn({ warning }, 'configuration warning');
}

function storeConfig(database: Database, loaded: Pick<Loaded, 'hash' | 'content'>): Promise<number> {
  return database.transaction(({ query }) => storeGeneration(query, loaded));
}

/** All or nothing: a changed file with a problem only causes a log entry, a metric and a notice in the ops room. */
function watchReloads({
  setup,
  path,
  app,
  log,
  sourceHash,
  onReloaded,
}: {
  readonly setup: ProgramSetup;
  readonly path: string;
  readonly app: App;
  readonly log: Logger;
  readonly sourceHash: string;
  readonly onReloaded: (loaded: Loaded) => void;
}): ConfigWatch {
  return watchConfig({
    path,
    sourceHash,
    load: () => setup.load(),
    onError: (error) => log.warn({ reason: messageOf(error) }, 'configuration could not be read'),
    onChange: async (result) => {
      if (result.ok) {
        await app.reload(result.config, await storeConfig(app.database, result));
        onReloaded(result);
        logWarnings(log, result);
        log.info({ generation: app.registry.generation }, 'configuration reloaded');
        return;
      }
      app.metrics.configReloadOk.set(0);
      log.error({ problems: result.problems }, INVALID_CHANGE);
      await app.notifyOps(
        'config',
        `The changed configuration has problems, so I am still using the previous one:\n${result.problems.slice(0, 10).join('\n')}`,
      );
    },
  });
}
