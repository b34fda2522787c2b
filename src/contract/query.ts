import { z } from 'zod';
import type { RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Actor, CommandClass } from './actor.ts';
import type { PeopleNow } from './people.ts';
import type { Room } from './room.ts';
import type { Sql } from './sql.ts';

/** What a query may look at. Nothing it does changes anything. */
export interface QueryContext<Options = unknown> {
  readonly options: Options;
  /** The time by the database's clock. */
  readonly now: Date;
  readonly timeZone: string;
  readonly log: Log;
  readonly people: PeopleNow;
  /** Public address for links, without a trailing slash; undefined when not configured. */
  readonly publicUrl: string | undefined;
  /** In one READ ONLY transaction, so that all that is read fits together; 5 s a statement. */
  readonly sql: Sql;
  readonly actor: Actor;
  /** Configured rooms by name. */
  readonly rooms: {
    byName(name: string): Room | undefined;
    byAddress(address: RoomAddress): Room | undefined;
    all(): readonly Room[];
  };
  /** Whether the asker may ask this in that room: what belongs to rooms of which they may not is left out of the answer. */
  canIn(room: string): boolean;
}

/**
 * A typed question that changes nothing. Access rules name it like a command, by skill and name: `alerts open`.
 * `input` is an object of strings, numbers and booleans; both schemas stand in the OpenAPI document, so they say exactly
 * what is taken and given.
 */
export interface Query<Options = unknown, Input extends z.ZodObject = z.ZodObject, Output = unknown> {
  /** One line, lower case, no full stop: what it answers. */
  readonly help: string;
  /** Default `read`. */
  readonly class?: CommandClass;
  readonly input: Input;
  readonly output: z.ZodType<Output>;
  /** @throws {CommandError} saying that what was asked for is not there: 404. */
  readonly run: (context: QueryContext<Options>, input: z.output<Input>) => Output | Promise<Output>;
}

/** Declares a query with the types of its input and output. */
export function defineQuery<Options, Input extends z.ZodObject, Output>(
  query: Query<Options, Input, Output>,
): Query<Options, Input, Output> {
  return query;
}

const MOST_ITEMS = 200;

/** What every list takes: how many items, and where to go on. `cursor` says which cursors the list itself has given. */
export function listInput(cursor: z.ZodType<string> = z.string().min(1).max(300)) {
  return {
    limit: z.int().min(1).max(MOST_ITEMS).default(50).describe('Most items in one answer.'),
    cursor: cursor.optional().describe('`next` of the answer before: goes on behind it.'),
  };
}

/** What every list answers. */
export function listOutput<Item>(item: z.ZodType<Item>) {
  return z.object({
    items: z.array(item),
    next: z.string().optional().describe('There are more: ask again with this as `cursor`.'),
  });
}

export interface List<Item> {
  readonly items: Item[];
  readonly next?: string;
}

/** One answer of rows that were read with one more than `limit`. */
export function listOf<Item>(rows: readonly Item[], limit: number, cursorOf: (item: Item) => string): List<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items };
}

/** One answer of a list that is in memory, in the order of its keys. */
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
