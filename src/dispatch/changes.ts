import type { Database, Query } from '../db/database.ts';
import type { Registry } from '../registry/registry.ts';
import { nameOf, queriesOf } from './query-runner.ts';

/** What comes in one go is told in one go. */
const TELL_AFTER_MS = 100;
const LOOK_EVERY_MS = 1000;
/** Stands for every query, in the table too: no skill is called so. */
export const ALL = 'all';

export type Follower = (names: readonly string[]) => void;

export interface ChangesOptions {
  readonly database: Database;
  readonly registry: () => Registry;
  readonly lookEveryMs?: number;
}

/**
 * Knows which queries' answers may have changed, at whichever replica. What was committed here is told at once, and then
 * counted in a table, apart from the transaction of any handler; the other replicas look there each second while somebody
 * follows. A replica that died before it counted is found dead by another, which counts `all`.
 */
export class Changes {
  readonly #options: ChangesOptions;
  readonly #followers = new Set<Follower>();
  readonly #waiting = new Set<string>();
  /** Undefined: nobody has looked since somebody follows. */
  #known: ReadonlyMap<string, number> | undefined;
  #telling: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** A handler of this skill has committed; `queries`: those it named, none: it may have changed what any of them answers. */
  committed(skill: string, queries: readonly string[]): void {
    const loaded = this.#options.registry().skills.get(skill);
    if (!loaded) return;
    for (const query of queries.length > 0 ? queries : Object.keys(queriesOf(loaded)))
      this.#waiting.add(nameOf({ skill, query }));
    this.#tellSoon();
  }

  /** Everything may have changed. */
  all(): void {
    this.#waiting.add(ALL);
    this.#tellSoon();
  }

  /** Tells `follower` what changes from now on; it begins by asking for everything itself. Returns how to stop that. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    this.#looking ??= setInterval(() => void this.#look(), this.#options.lookEveryMs ?? LOOK_EVERY_MS);
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
      this.#known = undefined;
    };
  }

  /** Counts what waits. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#telling);
    clearInterval(this.#looking);
    await this.#count();
  }

  #tellSoon(): void {
    if (this.#waiting.size === 0 || this.#stopped) return;
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#tell([...this.#waiting]);
      void this.#count();
    }, TELL_AFTER_MS);
  }

  #tell(names: readonly string[]): void {
    if (names.length > 0) for (const follower of this.#followers) follower(names);
  }

  /** Never fails: what could not be counted is counted with the next, and after an outage everything counts as changed. */
  async #count(): Promise<void> {
    const names = [...this.#waiting].sort();
    if (names.length === 0) return;
    this.#waiting.clear();
    try {
      const counted = await countChanges(this.#options.database.query, names);
      // Told here already; what another replica has counted meanwhile was not.
      const known = this.#known;
      if (known)
        this.#known = new Map([
          ...known,
          ...counted.filter(({ name, number }) => number === (known.get(name) ?? 0) + 1).map(toEntry),
        ]);
    } catch {
      for (const name of names) this.#waiting.add(name);
    }
  }

  async #look(): Promise<void> {
    try {
      const rows = await readChanges(this.#options.database.query);
      const before = this.#known;
      this.#known = new Map(rows.map(toEntry));
      if (!before) this.#tell([ALL]);
      else this.#tell(rows.filter(({ name, number }) => number > (before.get(name) ?? 0)).map(({ name }) => name));
    } catch {
      // The database is away: when it is back everything counts as changed.
      this.#known = undefined;
    }
    this.#tellSoon();
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
