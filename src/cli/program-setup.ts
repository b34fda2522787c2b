import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type pg from 'pg';
import { readAddress } from '../config/address.ts';
import { clientConfig } from '../config/database.ts';
import { readEnvironment, type EnvironmentSettings } from '../config/environment.ts';
import { loadConfig, loadContent, readSkillDirectories, type Loaded, type LoadResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createSecrets, type Secrets } from '../config/secrets.ts';
import { loadTrialConfig } from '../config/trial.ts';
import type { Platform } from '../connectors/connector.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import { startEmbedded, type EmbeddedServer } from '../db/embedded.ts';
import { ConfigInvalid, StartFailed } from '../errors.ts';
import { BUILT_IN_SKILLS, loadSkills, provideSkillImports, type SkillFolders } from '../skills/load.ts';
import { allSkills, brokenNames, findConfiguration } from './read-configuration.ts';

export interface ProgramSetupOptions {
  readonly config?: string;
  /** Where a trial keeps its data. */
  readonly data?: string;
  /** Default: the built-in ones; tests add more. */
  readonly platforms?: readonly Platform[];
}

/** What every command needs: the configuration, the skills and the secrets. */
export interface ProgramSetup {
  readonly environment: EnvironmentSettings;
  /** Undefined: the built-in trial. */
  readonly path: string | undefined;
  readonly folders: SkillFolders;
  readonly platforms: readonly Platform[];
  readonly secrets: Secrets;
  /** Absolute. */
  readonly dataDirectory: string;
  load(): Promise<LoadResult>;
  loadStored(content: string): LoadResult;
}

/** Finds the configuration and loads the skills; does not parse the configuration yet. */
export async function createProgramSetup(options: ProgramSetupOptions): Promise<ProgramSetup> {
  const environment = readEnvironment();
  const { env } = environment;
  const path = await findConfiguration(options.config, environment);
  provideSkillImports();
  const extra = path === undefined ? [] : await readSkillDirectories(path, env);
  const folders = await loadSkills([BUILT_IN_SKILLS, ...extra]);
  const dataDirectory = resolve(options.data ?? './data');
  const { platforms = PLATFORMS } = options;
  const reading = { platforms, skills: allSkills(folders), brokenSkills: brokenNames(folders), env };
  return {
    environment,
    path,
    folders,
    platforms,
    dataDirectory,
    secrets: createSecrets({ directory: environment.secretsDirectory, env }),
    load: async () =>
      path === undefined
        ? loadTrialConfig({
            ...reading,
            console: process.stdin.isTTY === true && process.stdout.isTTY === true,
            tokenFile: await trialTokenFile(dataDirectory),
          })
        : loadConfig({ ...reading, path }),
    loadStored: (content) => loadContent(content, 'the last good configuration', reading),
  };
}

/** @throws {ConfigInvalid} with every problem. */
export async function loadOrThrow(setup: ProgramSetup): Promise<Loaded> {
  const result = await setup.load();
  if (!result.ok) throw invalid(result.problems);
  return result;
}

export function invalid(problems: readonly string[]): ConfigInvalid {
  return new ConfigInvalid([
    `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`,
    ...problems,
  ]);
}

export interface OpenedDatabase {
  readonly config: () => Promise<pg.ClientConfig>;
  readonly embedded: EmbeddedServer | undefined;
}

/** The configured Postgres, or the embedded one of a trial. */
export async function openDatabase(
  setup: ProgramSetup,
  config: Config,
  onLine: (line: string) => void = () => {},
): Promise<OpenedDatabase> {
  if (config.database) {
    const { database } = config;
    return { config: () => clientConfig(database, setup.secrets), embedded: undefined };
  }
  const embedded = await startEmbedded(setup.dataDirectory, onLine);
  return { config: async () => readAddress(embedded.url, 'the trial'), embedded };
}

/** Files with the trial's Postgres URL and its HTTP address; written by `run`. */
export const TRIAL_URL_FILE = 'database-url';
export const TRIAL_ADDRESS_FILE = 'address';

/** The Postgres URL of the trial running in this directory. @throws {StartFailed} when none is. */
export async function runningTrial(directory: string): Promise<string> {
  const url = await readFile(join(directory, TRIAL_URL_FILE), 'utf8').catch(() => undefined);
  if (url === undefined)
    throw new StartFailed(
      'there is no database: no bot is running in this directory, and the configuration names none. Start the bot here (npm start), or name a configuration with database.url by --config.',
    );
  return url.trim();
}

/** The token of the trial's webhook: created once, stored with its data. */
async function trialTokenFile(directory: string): Promise<string> {
  const file = join(directory, 'webhook-token');
  if (!(await exists(file))) {
    await mkdir(directory, { recursive: true });
    await writeFile(file, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
  }
  return file;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
