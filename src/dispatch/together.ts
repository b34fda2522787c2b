import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { StepHook } from '../steps.ts';
import { handleAddressed } from './addressed.ts';
import { Effects, type Woken } from './effects.ts';
import { beginMany, commitMany, isChat, type EventRow, type Known } from './event.ts';
import type { World } from './world.ts';

/** The others wait for this one: it is better handled alone then. */
const HANDLER_MS = 500;
/** After this long the rest is left for the next transaction. */
const ENOUGH_MS = 100;

export interface TogetherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly step: StepHook;
  readonly world: World;
  readonly known: Known;
}

export interface Handled {
  readonly row: EventRow;
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
    const handled: EventRow[] = [];
    const left: EventRow[] = [];
    const alone: EventRow[] = [];
    const writing: Promise<Woken>[] = [];
    /** A lane goes on only as far as it was handled without a gap. */
    const stopped = new Set<string>();
    for (const row of rows) {
      if (row.lane !== null && stopped.has(row.lane)) continue;
      const chat = isChat(row);
      if (chat || (handled.length > 0 && performance.now() - begunMs > ENOUGH_MS)) {
        if (row.lane !== null) stopped.add(row.lane);
        (chat ? alone : left).push(row);
        continue;
      }
      const effects = new Effects();
      await handleAddressed({ world, row, transaction, effects, now: clock.now(), timeoutMs: HANDLER_MS });
      // The next handler's statements go out behind these; what fails here fails the commit.
      const write = effects.write(transaction);
      write.catch(() => {});
      writing.push(write);
      handled.push(row);
    }
    const woken = await Promise.all(writing);
    step('handle.before-commit');
    await commitMany(
      transaction,
      handled.map((row) => row.id),
    );
    step('handle.after-commit');
    const outcomes = handled.flatMap((row, index) => {
      const its = woken[index];
      return its ? [{ row, woken: its }] : [];
    });
    return { handled: outcomes, left, alone };
  });
}
