import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { App, type AppOptions } from '../app.ts';
import { clientConfig } from '../config/database.ts';
import { latestGeneration, storeGeneration } from '../config/generations.ts';
import type { Loaded } from '../config/load.ts';
import { watchConfig } from '../config/watch.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { onceDatabaseAnswers } from '../db/once-answers.ts';
import { ConfigInvalid, StartFailed, messageOf } from '../errors.ts';
import { createLogger, type Logger } from '../log.ts';
import { readVersion } from '../version.ts';
import {
  createSetting,
  openDatabase,
  TRIAL_URL_FILE,
  type OpenedDatabase,
  type Setting,
  type SettingOptions,
} from './setting.ts';
import { endingAtOnce, stoppable } from './signals.ts';
import { welcome } from './welcome.ts';

const DEFAULT_PORT = 8080;
const DEFAULT_OPS_PORT = 8081;

/** What a test adds to the program; see `AppOptions`. */
export type RunHooks = Pick<AppOptions, 'shiftMs' | 'step'> & { readonly acceptForMs?: number };

/** Runs the bot until it is told to stop; resolves when it is up. @throws {StartFailed} or {ConfigInvalid}. */
export async function run(options: SettingOptions, hooks: RunHooks = {}): Promise<undefined> {
  const setting = await createSetting(options);
  const trial = setting.path === undefined;
  const log = createLogger({
    level: trial && setting.surroundings.logLevel === 'info' ? 'warn' : setting.surroundings.logLevel,
    pretty: trial,
  });
  // A crash is a crash: whatever was accepted is in the database. Say why and end; the next process goes on.
  process.on('unhandledRejection', (error) =>
    log.error({ error }, 'a promise was forgotten; whatever it belonged to has failed'),
  );
  process.on('uncaughtException', (error) => {
    log.fatal({ error }, 'ended by an error that nobody expected');
    process.exit(1);
  });
  const result = await setting.load();
  const { loaded, opened, fallback } = result.ok
    ? {
        loaded: result,
        opened: await openDatabase(setting, result.config, (line) => log.debug({ line }, 'postgres')),
        fallback: undefined,
      }
    : await lastGood(setting, result.problems, log);
  logWarnings(log, loaded);
  for (const { skill, because } of loaded.disabled) log.info({ skill, because }, 'skill is off');

  const { http } = loaded.config;
  const app = new App({
    version: readVersion(),
    config: loaded.config,
    folders: setting.folders,
    generation: (database) => remember(database, loaded),
    database: opened.config,
    secret: (reference) => setting.secrets.read(reference),
    log,
    ports: {
      port: http.port ?? DEFAULT_PORT,
      opsPort: http.opsPort ?? DEFAULT_OPS_PORT,
      portFixed: http.port !== undefined,
      opsPortFixed: http.opsPort !== undefined,
    },
    ...hooks,
  });
  const stop = stoppable(log, async (quick) => {
    await watch?.stop();
    await app.stop({ acceptForMs: quick || trial ? 0 : (hooks.acceptForMs ?? 5000) });
    await opened.embedded?.stop();
    if (opened.embedded) await rm(join(setting.dataDirectory, TRIAL_URL_FILE), { force: true });
  });
  const watch =
    setting.path === undefined
      ? undefined
      : watchReloads(setting, setting.path, app, log, result.ok ? result.sourceHash : (result.sourceHash ?? ''));
  try {
    await app.start();
  } catch (error) {
    await opened.embedded?.stop();
    throw error instanceof StartFailed ? error : new StartFailed(`cannot start: ${messageOf(error)}`, { cause: error });
  }
  app.metrics.configReloadOk.set(fallback === undefined ? 1 : 0);
  app.metrics.configReloadTime.set(Date.now() / 1000);
  if (fallback !== undefined)
    await app.tellOps(
      'config',
      `I run with my last good configuration, because the one I was given has problems:\n${fallback.slice(0, 10).join('\n')}`,
    );
  if (opened.embedded)
    await writeFile(join(setting.dataDirectory, TRIAL_URL_FILE), `${opened.embedded.url}\n`, { mode: 0o600 });
  if (trial) await welcome(app, setting);
  stop.armed();
  return undefined;
}

/** A wrong file must not keep the bot away: the last configuration that was good is in the database it names. */
async function lastGood(
  setting: Setting,
  problems: readonly string[],
  log: Logger,
): Promise<{ loaded: Loaded; opened: OpenedDatabase; fallback: readonly string[] }> {
  const invalid = new ConfigInvalid([
    `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`,
    ...problems,
  ]);
  const url = setting.surroundings.env['DATABASE_URL'] ? { env: 'DATABASE_URL' } : { file: 'database-uri' };
  const address = () => clientConfig({ url }, setting.secrets);
  if (!(await address().catch(() => undefined))) throw invalid;
  const database = createDatabase({ url: address, poolSize: 1, idleInTransactionMs: 5000, statementTimeoutMs: 5000 });
  using _ = endingAtOnce();
  try {
    const stored = await onceDatabaseAnswers(log.child({ problems }), () => latestGeneration(database.query)).catch(
      () => undefined, // an empty database, or one that lets nobody in
    );
    const loaded = stored && setting.loadStored(stored.content);
    if (!loaded?.ok) throw invalid;
    log.error({ problems }, 'configuration is wrong; running with the last good one');
    return {
      loaded,
      opened: { config: address, embedded: undefined },
      fallback: problems,
    };
  } finally {
    await database.close();
  }
}

function logWarnings(log: Logger, { warnings }: Loaded): void {
  for (const warning of warnings) log.warn({ warning }, 'configuration warning');
}

function remember(database: Database, loaded: Loaded): Promise<number> {
  return database.transaction(({ query }) => storeGeneration(query, loaded));
}

/** Whole or not at all: a changed file with a problem changes nothing but the log, the metric and a word in the ops room. */
function watchReloads(setting: Setting, path: string, app: App, log: Logger, sourceHash: string) {
  return watchConfig({
    path,
    sourceHash,
    load: () => setting.load(),
    onError: (error) => log.warn({ reason: messageOf(error) }, 'configuration could not be looked at'),
    onChange: async (result) => {
      if (result.ok) {
        await app.reload(result.config, await remember(app.database, result));
        logWarnings(log, result);
        log.info({ generation: app.world.generation }, 'configuration reloaded');
        return;
      }
      app.metrics.configReloadOk.set(0);
      log.error({ problems: result.problems }, 'changed configuration is wrong; the one before stays in use');
      await app.tellOps(
        'config',
        `The changed configuration has problems, so the one before stays in use:\n${result.problems.slice(0, 10).join('\n')}`,
      );
    },
  });
}
