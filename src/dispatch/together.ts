import type { Clock } from '../clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { StepHook } from '../steps.ts';
import { handleAddressed, handleMany, manyOf } from './addressed.ts';
import { Effects, type Woken } from './effects.ts';
import { beginMany, commitMany, isChat, type EventRow, type Known } from './event.ts';
import type { World } from './world.ts';

/** The others wait for this one: it is better handled alone then. */
const HANDLER_MS = 500;
/** After this long the rest is left for the next transaction. */
const ENOUGH_MS = 100;
/** Messages in one statement, about. */
const MESSAGES = 500;
/** Characters of payloads in one call, about: a large one is better handled by itself. */
const CALL = 65_536;

export interface TogetherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly step: StepHook;
  readonly world: World;
  readonly known: Known;
}

/** Events whose effects were written together. */
export interface Handled {
  readonly rows: readonly EventRow[];
  readonly woken: Woken;
}

export interface Together {
  readonly handled: readonly Handled[];
  /** There was no time for these: let them wait for the next. */
  readonly left: readonly EventRow[];
  /** What people say. */
  readonly alone: readonly EventRow[];
}

/**
 * Handles several waiting events in one transaction, one after another: the commit, and what begins and ends a
 * transaction, cost more than most handlers. What people say is left out, so that nobody's answer waits for others.
 *
 * @throws whatever any of them throws, and then none is handled: each is to be handled alone, where one that fails does so alone.
 */
export async function handleTogether(
  options: TogetherOptions,
  ids: readonly number[],
  lanes: readonly string[],
): Promise<Together> {
  const { database, clock, step, world, known } = options;
  return database.connection(async (transaction) => {
    const rows = await beginMany(transaction, ids, lanes, known);
    const begunMs = performance.now();
    const written = new Written(transaction);
    const left: EventRow[] = [];
    const alone: EventRow[] = [];
    /** A lane goes on only as far as it was handled without a gap. */
    const stopped = new Set<string>();
    for (const call of callsOf(world, rows)) {
      const going = call.filter((row) => row.lane === null || !stopped.has(row.lane));
      const [row] = going;
      if (!row) continue;
      const chat = isChat(row);
      if (chat || (written.any && performance.now() - begunMs > ENOUGH_MS)) {
        for (const { lane } of going) if (lane !== null) stopped.add(lane);
        (chat ? alone : left).push(...going);
        continue;
      }
      const effects = written.next();
      const given = { world, transaction, effects, now: clock.now(), timeoutMs: HANDLER_MS };
      await (going.length > 1 ? handleMany(given, going) : handleAddressed({ ...given, row }));
      written.add(going, effects);
    }
    const handled = await written.all();
    step('handle.before-commit');
    await commitMany(
      transaction,
      handled.flatMap((one) => one.rows.map((row) => row.id)),
    );
    step('handle.after-commit');
    return { handled, left, alone };
  });
}

/** What is handled with one call: events that their skill takes several of at once, no two of one lane; or a single one. */
function callsOf(world: World, rows: readonly EventRow[]): EventRow[][] {
  const calls: EventRow[][] = [];
  let many: string | undefined;
  let size = 0;
  const lanes = new Set<string>();
  for (const row of rows) {
    const whose = manyOf(world, row);
    const last = calls.at(-1);
    size += row.payload.length;
    const joins = whose !== undefined && whose === many && size <= CALL && (row.lane === null || !lanes.has(row.lane));
    if (last && joins) last.push(row);
    else {
      calls.push([row]);
      many = whose;
      size = row.payload.length;
      lanes.clear();
    }
    if (row.lane !== null) lanes.add(row.lane);
  }
  return calls;
}

/** What the handlers of one transaction said, written in few statements; what fails there fails the commit. */
class Written {
  readonly #transaction: Transaction;
  readonly #writing: Promise<Handled>[] = [];
  #rows: EventRow[] = [];
  #effects = new Effects();

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  get any(): boolean {
    return this.#rows.length + this.#writing.length > 0;
  }

  /** For the next handler. */
  next(): Effects {
    return new Effects({ holds: (...place) => this.#effects.holds(...place), write: () => this.#write() });
  }

  add(rows: readonly EventRow[], effects: Effects): void {
    if (!this.#effects.absorb(effects)) {
      this.#write();
      this.#effects.absorb(effects);
    }
    this.#rows.push(...rows);
    if (this.#effects.size > MESSAGES) this.#write();
  }

  #write(): void {
    const rows = this.#rows;
    const writing = this.#effects.write(this.#transaction).then((woken) => ({ rows, woken }));
    writing.catch(() => {});
    this.#writing.push(writing);
    this.#rows = [];
    this.#effects = new Effects();
  }

  all(): Promise<Handled[]> {
    if (this.#rows.length > 0) this.#write();
    return Promise.all(this.#writing);
  }
}
