import type { Database, Query } from '../db/database.ts';
import type { Registry } from '../registry/registry.ts';
import { nameOf, queriesOf } from './query-runner.ts';

/** Changes within this time are reported together. */
const NOTIFY_AFTER_MS = 100;
const POLL_EVERY_MS = 1000;
/** Stands for every query, in the table too; no skill can have this name. */
export const ALL = 'all';

export type Follower = (names: readonly string[]) => void;

export interface ChangesOptions {
  readonly database: Database;
  readonly registry: () => Registry;
  readonly pollEveryMs?: number;
}

/**
 * Tracks which queries' answers may have changed, on any replica. Changes committed here are reported at once and then counted
 * in a table, outside any handler's transaction; other replicas poll it each second while they have followers. If a replica
 * dies before it counted, the one that notices counts `all`.
 */
export class Changes {
  readonly #options: ChangesOptions;
  readonly #followers = new Set<Follower>();
  readonly #uncounted = new Set<string>();
  /** Undefined: not polled yet since the first follower. */
  #known: ReadonlyMap<string, number> | undefined;
  #notifyTimer: NodeJS.Timeout | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** A handler of this skill has committed. `queries`: those it named; none: it may have changed all of them. */
  committed(skill: string, queries: readonly string[]): void {
    const loaded = this.#options.registry().skills.get(skill);
    if (!loaded) return;
    for (const query of queries.length > 0 ? queries : Object.keys(queriesOf(loaded)))
      this.#uncounted.add(nameOf({ skill, query }));
    this.#notifySoon();
  }

  /** Everything may have changed. */
  all(): void {
    this.#uncounted.add(ALL);
    this.#notifySoon();
  }

  /** Reports changes to `follower` from now on; it should read everything once first. Returns a function that ends it. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    this.#pollTimer ??= setInterval(() => void this.#poll(), this.#options.pollEveryMs ?? POLL_EVERY_MS);
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      clearInterval(this.#pollTimer);
      this.#pollTimer = undefined;
      this.#known = undefined;
    };
  }

  /** Counts what has not been counted yet. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#notifyTimer);
    clearInterval(this.#pollTimer);
    await this.#count();
  }

  #notifySoon(): void {
    if (this.#uncounted.size === 0 || this.#stopped) return;
    this.#notifyTimer ??= setTimeout(() => {
      this.#notifyTimer = undefined;
      this.#notify([...this.#uncounted]);
      void this.#count();
    }, NOTIFY_AFTER_MS);
  }

  #notify(names: readonly string[]): void {
    if (names.length > 0) for (const follower of this.#followers) follower(names);
  }

  /** Never fails: what could not be counted is counted next time, and after an outage everything counts as changed. */
  async #count(): Promise<void> {
    const names = [...this.#uncounted].sort();
    if (names.length === 0) return;
    this.#uncounted.clear();
    try {
      const counted = await countChanges(this.#options.database.query, names);
      // Reported here already, unless another replica has counted the same query meanwhile.
      const known = this.#known;
      if (known)
        this.#known = new Map([
          ...known,
          ...counted.filter(({ name, number }) => number === (known.get(name) ?? 0) + 1).map(toEntry),
        ]);
    } catch {
      for (const name of names) this.#uncounted.add(name);
    }
  }

  async #poll(): Promise<void> {
    try {
      const rows = await readChanges(this.#options.database.query);
      const before = this.#known;
      this.#known = new Map(rows.map(toEntry));
      if (!before) this.#notify([ALL]);
      else this.#notify(rows.filter(({ name, number }) => number > (before.get(name) ?? 0)).map(({ name }) => name));
    } catch {
      // The database is unreachable: once it is back, everything counts as changed.
      this.#known = undefined;
    }
    this.#notifySoon();
  }
}

interface Counted {
  readonly name: string;
  readonly number: number;
}

const toEntry = ({ name, number }: Counted): [string, number] => [name, number];

function countChanges(query: Query, names: readonly string[]): Promise<Counted[]> {
  return query<Counted>(
    `insert into changes (name, number) select name, 1 from unnest($1::text[]) as given (name) order by name
     on conflict (name) do update set number = changes.number + 1 returning name, number`,
    [names],
  );
}

function readChanges(query: Query): Promise<Counted[]> {
  return query<Counted>('select name, number from changes', []);
}
