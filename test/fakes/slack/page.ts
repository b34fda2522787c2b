import type { JsonMap } from './json.ts';
import { Refusal } from './refusal.ts';

/** One page of a list, and `next_cursor`, which is empty on the last. */
export function page<T>(
  all: readonly T[],
  cursor: string,
  limit: number,
): { readonly items: readonly T[]; readonly response_metadata: JsonMap } {
  const from = cursor === '' ? 0 : Number(decodeCursor(cursor, 'offset'));
  if (!Number.isSafeInteger(from)) throw new Refusal('invalid_cursor');
  const until = from + limit;
  return {
    items: all.slice(from, until),
    response_metadata: { next_cursor: until < all.length ? encodeCursor('offset', String(until)) : '' },
  };
}

export function encodeCursor(kind: string, value: string): string {
  return Buffer.from(`${kind}:${value}`).toString('base64');
}

/** @throws {Refusal} for a cursor of another list. */
export function decodeCursor(cursor: string, kind: string): string {
  const [given, value] = Buffer.from(cursor, 'base64').toString('utf8').split(':');
  if (given !== kind || value === undefined || value === '') throw new Refusal('invalid_cursor');
  return value;
}
