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

export interface Way {
  readonly client: () => Promise<pg.ClientConfig>;
  /** It leads to the Postgres of a trial that is running right now. */
  readonly trial: boolean;
}

/**
 * Runs a short command against the database that the bot uses, or that of a trial that is running right now. For what is
 * to prove the configuration as it stands: one with a problem is refused.
 * @throws {ConfigInvalid}, or {StartFailed} also when the database does not answer, naming where it should be.
 */
export async function withDatabase<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup, config: Config) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await loadOrThrow(setup);
  return along(await findWay(setup, result), (database) => work(database, setup, result.config));
}

/** The same for what goes on while the bot does: when the configuration has a problem, by the last good one, saying so. */
export async function withLastGood<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup, config: Config) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await setup.load();
  const way = await findWay(setup, result);
  return along(way, async (database) => {
    if (result.ok) return work(database, setup, result.config);
    const { problems } = invalid(result.problems);
    const found = await readLastGood(database.query, setup).catch(async (error: unknown) => {
      const reason = messageOf(await explained(error, way, database));
      throw new ConfigInvalid([...problems, `the last good one is out of reach: ${reason}`], error);
    });
    if (!found) throw new ConfigInvalid(problems);
    warn(result, `going on with the last good configuration, of ${found.since.toISOString()}`);
    return work(database, setup, found.loaded.config);
  });
}

/** The same for what needs no more of the configuration than where the database is. */
export async function withBareDatabase<T>(
  options: ProgramSetupOptions,
  work: (database: Database, setup: ProgramSetup) => Promise<T>,
): Promise<T> {
  const setup = await createProgramSetup(options);
  const result = await setup.load();
  const way = await findWay(setup, result);
  if (!result.ok) warn(result, 'going on, since this needs no more of the configuration than its database');
  return along(way, (database) => work(database, setup));
}

/** On standard error: what a command prints may be read by a program. */
function warn({ problems }: NotLoaded, message: string): void {
  console.error(`watchbell: ${message}: ${invalid(problems).message}`);
}

/** @throws {ConfigInvalid} where only a good configuration would tell, {StartFailed} where one leads to a trial that does not run. */
export async function findWay(setup: ProgramSetup, result: LoadResult): Promise<Way> {
  const database = result.ok ? result.config.database : await whereDatabaseIs(setup, result);
  if (database) return { client: () => clientConfig(database, setup.secrets), trial: false };
  const url = await runningTrial(setup.dataDirectory).catch((error: unknown) => {
    throw result.ok ? error : invalid(result.problems);
  });
  return { client: async () => readAddress(url, `the file ${TRIAL_URL_FILE}`), trial: true };
}

/** Opens no connection yet. */
export function openWay({ client }: Way): Database {
  return createDatabase({ url: client, poolSize: 2, idleInTransactionMs: 10_000, statementTimeoutMs: 30_000 });
}

async function along<T>(way: Way, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openWay(way);
  try {
    return await work(database);
  } catch (error) {
    throw await explained(error, way, database);
  } finally {
    await database.close();
  }
}

/** An error of the database's as a sentence with the remedy; others as they are. */
async function explained(error: unknown, { client, trial }: Way, database: Database): Promise<unknown> {
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
  const remedy = trial ? 'is the bot of this directory still running? Start it: npm start' : undefined;
  return new StartFailed(explainRejected(error, place, remedy), { cause: error });
}
