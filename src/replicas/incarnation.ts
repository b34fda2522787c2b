import { readTables } from '../backup/dump.ts';
import type { Database, Query } from '../db/database.ts';
import { passOver, readCounts, type Counts } from '../db/serial-numbers.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

const COUNTS_EVERY_MS = 60_000;

/** What a beat finds of the database. */
export interface DatabaseState {
  /** Drawn when its tables were made, and by a restore. */
  readonly incarnation: string | null;
  /** Tables that the bot needs and that are not there. */
  readonly missing: readonly string[];
}

export interface IncarnationOptions {
  readonly database: Database;
  readonly log: Log;
  /** Makes the tables where there are none, and calls `onMade` before others see them. @throws when the database will not do. */
  readonly prepare: (onMade: (query: Query) => Promise<void>) => Promise<unknown>;
  /** Names of tables that the migrations make: others in the same schema are nobody's business here. */
  readonly made: () => Promise<ReadonlySet<string>>;
  /** Takes up anew what is in memory: the tables are others, and hold nothing of before. */
  readonly onAnew: () => Promise<void>;
  /** `trouble` is another one. */
  readonly onChange: () => void;
}

/**
 * Which database the bot works in, told by a number drawn when its tables were made. One that was emptied or exchanged is
 * prepared and begun with anew; where that cannot be, nothing is accepted and the bot is not ready.
 */
export class Incarnation {
  readonly #options: IncarnationOptions;
  #id: string | null = null;
  #tables: readonly string[] = [];
  /** Numbers go on above these when the database is emptied: people remember them. */
  #counts: { readonly of: Counts; readonly atMs: number } = { of: {}, atMs: 0 };
  #trouble: string | undefined;
  #isUsable = true;

  constructor(options: IncarnationOptions) {
    this.#options = options;
  }

  /** Why the database does not do what the bot needs of it, beyond being away. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** False while its tables are not those that the bot began with. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  get tables(): readonly string[] {
    return this.#tables;
  }

  /** Begins with what is there, once it is prepared. */
  async begin(): Promise<void> {
    const { query } = this.#options.database;
    const made = await this.#options.made();
    this.#tables = (await readTables(query)).map(({ name }) => name).filter((name) => made.has(name));
    this.#id = (await readDatabaseState(query, [])).incarnation;
    await this.#count();
  }

  async found(ground: DatabaseState): Promise<void> {
    // Tables that came back by themselves are looked at like others, before they are used.
    if (!this.#isUsable || !this.#isSame(ground)) return this.#mend(describe(ground));
    this.#tell(undefined);
    if (performance.now() - this.#counts.atMs > COUNTS_EVERY_MS) await this.#count().catch(() => {});
  }

  /** A beat failed, though the database answers. */
  async failed(error: unknown): Promise<void> {
    // Undefined table, column, schema.
    if (/^(42P01|42703|3F000)$/.test(codeOf(error) ?? '')) await this.#mend(`its tables are gone: ${messageOf(error)}`);
    else this.#tell(messageOf(error));
  }

  async #mend(trouble: string): Promise<void> {
    const { database, prepare, onAnew } = this.#options;
    this.#isUsable = false;
    this.#tell(this.#trouble ?? trouble);
    try {
      const { of, atMs } = this.#counts;
      await prepare((query) => passOver(query, of, { elapsedMs: performance.now() - atMs, lifetimeMs: 0 }));
      const ground = await readDatabaseState(database.query, this.#tables);
      if (ground.missing.length > 0) return this.#tell(describe(ground));
      if (!this.#isSame(ground)) {
        await onAnew();
        await this.begin();
      }
      this.#isUsable = true;
      this.#tell(undefined);
    } catch (error) {
      // Tried again at the next beat.
      if (database.available) this.#tell(messageOf(error));
    }
  }

  #isSame({ incarnation, missing }: DatabaseState): boolean {
    return incarnation !== null && incarnation === this.#id && missing.length === 0;
  }

  async #count(): Promise<void> {
    this.#counts = { of: await readCounts(this.#options.database.query), atMs: performance.now() };
  }

  #tell(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const { log, onChange } = this.#options;
    if (trouble === undefined) log.info({}, 'database does what it should again');
    else log.error({ reason: trouble }, 'database does not do what it should');
    onChange();
  }
}

function describe({ missing }: DatabaseState): string {
  if (missing.length === 0) return 'it is another database than before';
  return `tables are gone (${missing.join(', ')}): stop the bot, and restore a backup into an empty database`;
}

/** What tells databases apart, and which of `tables` are not there. @throws where there is no `schema_info`. */
export async function readDatabaseState(query: Query, tables: readonly string[]): Promise<DatabaseState> {
  const [ground] = await query<DatabaseState>(`select ${DATABASE_STATE.replace('$TABLES', '$1')}`, [tables]);
  return ground ?? { incarnation: null, missing: [] };
}

/** For a select list; `$TABLES`: the names. */
export const DATABASE_STATE = `(select incarnation from schema_info limit 1) as incarnation,
  array(select name from unnest($TABLES::text[]) name where to_regclass(quote_ident(name)) is null) as missing`;
