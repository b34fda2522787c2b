import { z } from 'zod';
import type { RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Actor, CommandClass } from './actor.ts';
import type { PeopleAndSchedules } from './people.ts';
import type { Room } from './room.ts';
import type { Sql } from './sql.ts';

/** What a query may read. It cannot change anything. */
export interface QueryContext<Options = unknown> {
  readonly options: Options;
  /** The database's time. */
  readonly now: Date;
  readonly timeZone: string;
  readonly log: Log;
  readonly people: PeopleAndSchedules;
  /** Public address for links, without a trailing slash; undefined when not configured. */
  readonly publicUrl: string | undefined;
  /** Reads in one READ ONLY transaction, so that all results are consistent; at most 5 s a statement. */
  readonly sql: Sql;
  readonly actor: Actor;
  /** Configured rooms by name. */
  readonly rooms: {
    byName(name: string): Room | undefined;
    byAddress(address: RoomAddress): Room | undefined;
    all(): readonly Room[];
  };
  /** Whether the actor may run this query in that room. Leave out of the answer what belongs to rooms where they may not. */
  canIn(room: string): boolean;
}

/**
 * A typed, read-only question. Access rules name it like a command, by skill and name: `alerts open`. `input` is an object of
 * strings, numbers and booleans. Both schemas are published in the OpenAPI document, so they must be exact.
 */
export interface Query<Options = unknown, Input extends z.ZodObject = z.ZodObject, Output = unknown> {
  /** One line, lower case, no full stop: what it returns. */
  readonly help: string;
  /** Default `read`. */
  readonly class?: CommandClass;
  readonly input: Input;
  readonly output: z.ZodType<Output>;
  /** @throws {CommandError} when what was asked for does not exist: answered with 404. */
  readonly run: (context: QueryContext<Options>, input: z.output<Input>) => Output | Promise<Output>;
}

/** Declares a query with the types of its input and output. */
export function defineQuery<Options, Input extends z.ZodObject, Output>(
  query: Query<Options, Input, Output>,
): Query<Options, Input, Output> {
  return query;
}

const MOST_ITEMS = 200;

/** The input of every list: a page size and a cursor. `cursor` validates the cursors that this list returns. */
export function listInput(cursor: z.ZodType<string> = z.string().min(1).max(300)) {
  return {
    limit: z.int().min(1).max(MOST_ITEMS).default(50).describe('Page size.'),
    cursor: cursor.optional().describe('`next` of the previous page.'),
  };
}

/** The output of every list. */
export function listOutput<Item>(item: z.ZodType<Item>) {
  return z.object({
    items: z.array(item),
    next: z.string().optional().describe('Present when there are more: pass it as `cursor`.'),
  });
}

export interface List<Item> {
  readonly items: Item[];
  readonly next?: string;
}

/** One page from rows that were read with a limit of `limit + 1`. */
export function listOf<Item>(rows: readonly Item[], limit: number, cursorOf: (item: Item) => string): List<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items };
}

/** One page of a list in memory, sorted by key. */
export function listByKey<Item>(
  all: readonly Item[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  keyOf: (item: Item) => string,
): List<Item> {
  const sorted = all
    .map((item) => ({ item, key: keyOf(item) }))
    .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
    .filter(({ key }) => cursor === undefined || key > cursor)
    .map(({ item }) => item);
  return listOf(sorted, limit, keyOf);
}
