import type pg from 'pg';
import { readAddress } from '../config/address.ts';
import { clientConfig, placeOf } from '../config/database.ts';
import type { LoadResult, NotLoaded } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { explainMissing, explainRejected } from '../db/explain.ts';
import { codeOf, ConfigInvalid, messageOf, StartFailed } from '../errors.ts';
import { readLastGood, whereDatabaseIs } from './last-good.ts';
import {
  createProgramSetup,
  invalid,
  loadOrThrow,
  runningTrial,
  TRIAL_URL_FILE,
  type ProgramSetup,
  type ProgramSetupOptions,
} from './program-setup.ts';

export interface DatabaseTarget {
  readonly client: () => Promise<pg.ClientConfig>;
  /** It is the Postgres of a trial that is running right now. */
  readonly trial: boolean;
}

/**
 * Runs a short command against the database that the bot uses, or that of a running trial. For commands that test the
 * current configuration: one with a problem is rejected.
 * @throws {ConfigInvalid}, or {StartFailed}, also when the database does not answer, with its address.
 */
export async function withDatabase<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup, config: Config) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await loadOrThrow(setup);
  return withTarget(await findTarget(setup, result), (database) => work(database, setup, result.config));
}

/** The same, but if the configuration has a problem, it continues with the last good one, as the bot does, and prints a warning. */
export async function withLastGood<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup, config: Config) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await setup.load();
  const target = await findTarget(setup, result);
  return withTarget(target, async (database) => {
    if (result.ok) return work(database, setup, result.config);
    const { problems } = invalid(result.problems);
    const found = await readLastGood(database.query, setup).catch(async (error: unknown) => {
      const reason = messageOf(await explained(error, target, database));
      throw new ConfigInvalid([...problems, `the last good one cannot be read: ${reason}`], error);
    });
    if (!found) throw new ConfigInvalid(problems);
    warn(result, `continuing with the last good configuration, from ${found.since.toISOString()}`);
    return work(database, setup, found.loaded.config);
  });
}

/** The same for commands that only need to know where the database is. */
export async function withBareDatabase<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await setup.load();
  const target = await findTarget(setup, result);
  if (!result.ok) warn(result, 'continuing, because this command only needs the database');
  return withTarget(target, (database) => work(database, setup));
}

/** On standard error: the output of a command may be read by a program. */
function warn({ problems }: NotLoaded, message: string): void {
  console.error(`watchbell: ${message}: ${invalid(problems).message}`);
}

/** @throws {ConfigInvalid} if only a valid configuration could tell, {StartFailed} if it points to a trial that is not running. */
export async function findTarget(setup: ProgramSetup, result: LoadResult): Promise<DatabaseTarget> {
  const database = result.ok ? result.config.database : await whereDatabaseIs(setup, result);
  if (database) return { client: () => clientConfig(database, setup.secrets), trial: false };
  const url = await runningTrial(setup.dataDirectory).catch((error: unknown) => {
    throw result.ok ? error : invalid(result.problems);
  });
  return { client: async () => readAddress(url, `the file ${TRIAL_URL_FILE}`), trial: true };
}

/** Opens no connection yet. */
export function openTarget({ client }: DatabaseTarget): Database {
  return createDatabase({ url: client, poolSize: 2, idleInTransactionMs: 10_000, statementTimeoutMs: 30_000 });
}

async function withTarget<T>(target: DatabaseTarget, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openTarget(target);
  try {
    return await work(database);
  } catch (error) {
    throw await explained(error, target, database);
  } finally {
    await database.close();
  }
}

/** Turns a database error into a sentence with the remedy; returns other errors unchanged. */
async function explained(error: unknown, { client, trial }: DatabaseTarget, database: Database): Promise<unknown> {
  const code = codeOf(error);
  if (code !== 'WB_DATABASE_AWAY' && code?.startsWith('WB_')) return error;
  const place = placeOf(await client());
  const answers = await database.query('select 1').then(
    () => true,
    () => false,
  );
  const lack = answers ? explainMissing(error, place) : undefined;
  if (lack !== undefined) return new StartFailed(lack, { cause: error });
  if (answers && code !== 'WB_DATABASE_AWAY') return error;
  const remedy = trial ? 'is the bot in this directory still running? Start it: npm start' : undefined;
  return new StartFailed(explainRejected(error, place, remedy), { cause: error });
}
