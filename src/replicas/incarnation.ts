import { readTables } from '../backup/dump.ts';
import type { Database, Query } from '../db/database.ts';
import { skipUsedNumbers, readCounts, type Counts } from '../db/serial-numbers.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

const COUNTS_EVERY_MS = 60_000;

/** The state of the database as read by a heartbeat. */
export interface DatabaseState {
  /** Generated when its tables were created, and by a restore. */
  readonly incarnation: string | null;
  /** Required tables that do not exist. */
  readonly missing: readonly string[];
}

export interface IncarnationOptions {
  readonly database: Database;
  readonly log: Log;
  /** Creates missing tables, and calls `onCreated` before others see them. @throws when the database cannot be used. */
  readonly prepare: (onCreated: (query: Query) => Promise<void>) => Promise<unknown>;
  /** Names of the tables that the migrations create; others in the same schema are ignored. */
  readonly expectedTables: () => Promise<ReadonlySet<string>>;
  /** Reloads the state in memory after the tables were replaced. */
  readonly onReplaced: () => Promise<void>;
  /** Called when `trouble` changes. */
  readonly onChange: () => void;
}

/**
 * Identifies the database by an id generated when its tables were created. A database that was emptied or replaced is
 * prepared again; if that fails, nothing is accepted and the bot is not ready.
 */
export class Incarnation {
  readonly #options: IncarnationOptions;
  #id: string | null = null;
  #tables: readonly string[] = [];
  /** Numbers continue above these if the database is emptied, because people remember them. */
  #counts: { readonly of: Counts; readonly atMs: number } = { of: {}, atMs: 0 };
  #trouble: string | undefined;
  #isUsable = true;

  constructor(options: IncarnationOptions) {
    this.#options = options;
  }

  /** Why the database cannot be used although it is reachable. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** False while its tables are not those that the bot started with. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  get tables(): readonly string[] {
    return this.#tables;
  }

  /** Reads the initial state, after the database was prepared. */
  async begin(): Promise<void> {
    const { query } = this.#options.database;
    const expectedTables = await this.#options.expectedTables();
    this.#tables = (await readTables(query)).map(({ name }) => name).filter((name) => expectedTables.has(name));
    this.#id = (await readDatabaseState(query, [])).incarnation;
    await this.#count();
  }

  async check(state: DatabaseState): Promise<void> {
    // Tables that reappeared are checked like new ones before they are used.
    if (!this.#isUsable || !this.#isSame(state)) return this.#recover(describe(state));
    this.#report(undefined);
    if (performance.now() - this.#counts.atMs > COUNTS_EVERY_MS) await this.#count().catch(() => {});
  }

  /** Call this when a heartbeat failed although the database is reachable. */
  async failed(error: unknown): Promise<void> {
    // Undefined table, column, schema.
    if (/^(42P01|42703|3F000)$/.test(codeOf(error) ?? ''))
      await this.#recover(`its tables are gone: ${messageOf(error)}`);
    else this.#report(messageOf(error));
  }

  async #recover(trouble: string): Promise<void> {
    const { database, prepare, onReplaced } = this.#options;
    this.#isUsable = false;
    this.#report(this.#trouble ?? trouble);
    try {
      const { of, atMs } = this.#counts;
      await prepare((query) => skipUsedNumbers(query, of, { elapsedMs: performance.now() - atMs, lifetimeMs: 0 }));
      const state = await readDatabaseState(database.query, this.#tables);
      if (state.missing.length > 0) return this.#report(describe(state));
      if (!this.#isSame(state)) {
        await onReplaced();
        await this.begin();
      }
      this.#isUsable = true;
      this.#report(undefined);
    } catch (error) {
      // Retried at the next beat.
      if (database.available) this.#report(messageOf(error));
    }
  }

  #isSame({ incarnation, missing }: DatabaseState): boolean {
    return incarnation !== null && incarnation === this.#id && missing.length === 0;
  }

  async #count(): Promise<void> {
    this.#counts = { of: await readCounts(this.#options.database.query), atMs: performance.now() };
  }

  #report(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const { log, onChange } = this.#options;
    if (trouble === undefined) log.info({}, 'database is usable again');
    else log.error({ reason: trouble }, 'database is not usable');
    onChange();
  }
}

function describe({ missing }: DatabaseState): string {
  if (missing.length === 0) return 'it is a different database from before';
  return `tables are gone (${missing.join(', ')}): stop the bot, and restore a backup into an empty database`;
}

/** The incarnation, and which of `tables` are missing. @throws when there is no `schema_info`. */
export async function readDatabaseState(query: Query, tables: readonly string[]): Promise<DatabaseState> {
  const [state] = await query<DatabaseState>(`select ${DATABASE_STATE.replace('$TABLES', '$1')}`, [tables]);
  return state ?? { incarnation: null, missing: [] };
}

/** For a select list; `$TABLES`: the names. */
export const DATABASE_STATE = `(select incarnation from schema_info limit 1) as incarnation,
  array(select name from unnest($TABLES::text[]) name where to_regclass(quote_ident(name)) is null) as missing`;
