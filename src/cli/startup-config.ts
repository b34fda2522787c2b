import { clientConfig } from '../config/database.ts';
import type { Loaded, LoadResult, NotLoaded } from '../config/load.ts';
import { watchConfig } from '../config/watch.ts';
import { createDatabase } from '../db/database.ts';
import { waitForDatabase } from '../db/wait-for-database.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { readLastGood, whereDatabaseIs } from './last-good.ts';
import { invalid, openDatabase, type OpenedDatabase, type ProgramSetup } from './program-setup.ts';

/** What the bot starts with. */
export interface StartupConfig {
  readonly loaded: Loaded;
  readonly opened: OpenedDatabase;
  /** Of the files as read, even if the bot starts with something else. */
  readonly sourceHash: string;
  /** Problems because of which it starts with the last good configuration. */
  readonly fallback: readonly string[] | undefined;
}

/** @throws {ConfigInvalid} when the configuration is invalid and there is no last good one. */
export async function findStartupConfig(setup: ProgramSetup, log: Logger): Promise<StartupConfig> {
  for (;;) {
    const result = await setup.load();
    if (result.ok) {
      const opened = await openDatabase(setup, result.config, (line) => log.debug({ line }, 'postgres'));
      return { loaded: result, opened, sourceHash: result.sourceHash, fallback: undefined };
    }
    const found = await lastGood(setup, result, log);
    if (found) return found;
  }
}

/**
 * An invalid file must not keep the bot from starting: the last good configuration is in the database it names. Undefined
 * when the file was changed before the database answered.
 */
async function lastGood(setup: ProgramSetup, result: NotLoaded, log: Logger): Promise<StartupConfig | undefined> {
  const { problems, sourceHash = '' } = result;
  const where = await whereDatabaseIs(setup, result);
  if (!where) throw invalid(problems);
  const address = () => clientConfig(where, setup.secrets);
  if (!(await address().catch(() => undefined))) throw invalid(problems);
  const database = createDatabase({ url: address, poolSize: 1, idleInTransactionMs: 5000, statementTimeoutMs: 5000 });
  try {
    const found = await untilChanged({ setup, sourceHash, log, shouldAbort: () => true }, (changed) =>
      waitForDatabase(log.child({ problems }), () => readLastGood(database.query, setup), changed).catch(() => ({
        answer: undefined, // an empty database, or one that rejects us
      })),
    );
    if (!found) return undefined;
    const { answer } = found;
    if (!answer) throw invalid(problems);
    log.error({ problems }, 'configuration is invalid; running with the last good one');
    return { loaded: answer.loaded, opened: { config: address, embedded: undefined }, sourceHash, fallback: problems };
  } finally {
    await database.close();
  }
}

/** Runs `work`, and aborts its signal once the configuration was changed to one that `shouldAbort` accepts. */
export async function untilChanged<T>(
  {
    setup,
    sourceHash,
    log,
    shouldAbort,
  }: {
    readonly setup: ProgramSetup;
    readonly sourceHash: string;
    readonly log: Logger;
    readonly shouldAbort: (result: LoadResult) => boolean;
  },
  work: (changed: AbortSignal) => Promise<T>,
): Promise<T> {
  const changed = new AbortController();
  const watch =
    setup.path === undefined
      ? undefined
      : watchConfig({
          path: setup.path,
          sourceHash,
          load: () => setup.load(),
          onError: (error) => log.warn({ reason: messageOf(error) }, 'configuration could not be read'),
          onChange: (result) => {
            if (shouldAbort(result)) changed.abort();
          },
        });
  try {
    return await work(changed.signal);
  } finally {
    await watch?.stop();
  }
}
