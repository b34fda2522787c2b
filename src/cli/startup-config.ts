import { clientConfig } from '../config/database.ts';
import type { Loaded, LoadResult, NotLoaded } from '../config/load.ts';
import { watchConfig } from '../config/watch.ts';
import { createDatabase } from '../db/database.ts';
import { waitForDatabase } from '../db/wait-for-database.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { readLastGood, whereDatabaseIs } from './last-good.ts';
import { invalid, openDatabase, type OpenedDatabase, type ProgramSetup } from './program-setup.ts';

/** What the bot begins with. */
export interface StartupConfig {
  readonly loaded: Loaded;
  readonly opened: OpenedDatabase;
  /** Of the files as they were read, also when it begins with something else. */
  readonly sourceHash: string;
  /** Problems for which it begins with its last good configuration. */
  readonly fallback: readonly string[] | undefined;
}

/** @throws {ConfigInvalid} when the configuration is wrong and there was none before that was good. */
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
 * A wrong file must not keep the bot away: the last configuration that was good is in the database it names. Undefined
 * when the file was changed before that answered.
 */
async function lastGood(setup: ProgramSetup, result: NotLoaded, log: Logger): Promise<StartupConfig | undefined> {
  const { problems, sourceHash = '' } = result;
  const where = await whereDatabaseIs(setup, result);
  if (!where) throw invalid(problems);
  const address = () => clientConfig(where, setup.secrets);
  if (!(await address().catch(() => undefined))) throw invalid(problems);
  const database = createDatabase({ url: address, poolSize: 1, idleInTransactionMs: 5000, statementTimeoutMs: 5000 });
  try {
    const found = await untilChanged({ setup, sourceHash, log, counts: () => true }, (changed) =>
      waitForDatabase(log.child({ problems }), () => readLastGood(database.query, setup), changed).catch(() => ({
        answer: undefined, // an empty database, or one that lets nobody in
      })),
    );
    if (!found) return undefined;
    const { answer } = found;
    if (!answer) throw invalid(problems);
    log.error({ problems }, 'configuration is wrong; running with the last good one');
    return { loaded: answer.loaded, opened: { config: address, embedded: undefined }, sourceHash, fallback: problems };
  } finally {
    await database.close();
  }
}

/** Work that waits for what the configuration names must hear, by the signal, when it was changed; `counts`: by what. */
export async function untilChanged<T>(
  {
    setup,
    sourceHash,
    log,
    counts,
  }: {
    readonly setup: ProgramSetup;
    readonly sourceHash: string;
    readonly log: Logger;
    readonly counts: (result: LoadResult) => boolean;
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
          onError: (error) => log.warn({ reason: messageOf(error) }, 'configuration could not be looked at'),
          onChange: (result) => {
            if (counts(result)) changed.abort();
          },
        });
  try {
    return await work(changed.signal);
  } finally {
    await watch?.stop();
  }
}
