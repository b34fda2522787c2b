import type { Clock } from '../clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { StepHook } from '../steps.ts';
import { handleAddressed, handleMany, manyOf } from './addressed.ts';
import { Effects, type Woken } from './effects.ts';
import { beginMany, commitMany, isChat, type EventRow, type Known, type SharedRow } from './event.ts';
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
  /** What people say, and what is large. */
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
    const rows = (await beginMany(transaction, ids, lanes, known)).sort((a, b) => a.id - b.id);
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
      const single = isChat(row) || row.large;
      if (single || (written.any && performance.now() - begunMs > ENOUGH_MS)) {
        for (const { lane } of going) if (lane !== null) stopped.add(lane);
        (single ? alone : left).push(...going);
        continue;
      }
      const given = { world, transaction, now: clock.now(), timeoutMs: HANDLER_MS };
      if (going.length > 1)
        for (const one of await handleMany(given, going, () => written.next())) written.add(one.row, one.effects);
      else {
        const effects = written.next();
        await handleAddressed({ ...given, row, effects });
        written.add(row, effects);
      }
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

interface Call {
  readonly nth: number;
  readonly rows: SharedRow[];
  /** Whose webhooks these are; undefined: a single event. */
  readonly whose: string | undefined;
  /** Of all payloads. */
  characters: number;
}

/**
 * What is handled with one call, in order: events that their skill takes several of at once, no two of one lane; or a
 * single one. Lanes need not wait for each other, so each event joins the first call that its own lane allows.
 */
function callsOf(world: World, rows: readonly SharedRow[]): readonly SharedRow[][] {
  const calls: Call[] = [];
  /** The first call that the next of a lane may join. */
  const from = new Map<string, number>();
  for (const row of rows) {
    const whose = row.large ? undefined : manyOf(world, row);
    const { length } = row.payload;
    const first = row.lane === null ? 0 : (from.get(row.lane) ?? 0);
    const joins = (call: Call): boolean =>
      whose !== undefined && call.whose === whose && call.nth >= first && call.characters + length <= CALL;
    let call = calls.find(joins);
    if (!call) calls.push((call = { nth: calls.length, rows: [], whose, characters: 0 }));
    call.rows.push(row);
    call.characters += length;
    if (row.lane !== null) from.set(row.lane, call.nth + 1);
  }
  return calls.map((call) => call.rows);
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

  add(row: EventRow, effects: Effects): void {
    if (!this.#effects.absorb(effects)) {
      this.#write();
      this.#effects.absorb(effects);
    }
    this.#rows.push(row);
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
