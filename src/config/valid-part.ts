import type { z } from 'zod';
import { isMap } from './raw.ts';

/** The part of a value that its schema accepts. */
export interface ValidPart {
  readonly data: unknown;
  /** The keys that were left out, each with everything below it. */
  readonly without: ReadonlySet<string>;
  /** Something else was in place of a map of names, so its names are unknown. */
  readonly lacksNames: boolean;
}

/** Problems of a value as a whole appear only when its parts are valid. */
const ROUNDS = 5;

/** Parses a value without the parts that its schema rejects; undefined if nothing is left. */
export function validPart(schema: z.ZodType, value: unknown): ValidPart | undefined {
  const rest: unknown = structuredClone(value);
  const without = new Set<string>();
  let lacksNames = false;
  for (let round = 0; round < ROUNDS; round++) {
    const result = schema.safeParse(rest);
    if (result.success) return { data: result.data, without, lacksNames };
    for (const issue of result.error.issues) {
      lacksNames ||= issue.code === 'invalid_type' && issue.expected === 'record';
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
      for (const path of keys.length > 0 ? keys.map((key) => [...issue.path, key]) : [issue.path]) {
        const key = removeAt(rest, path);
        if (key === undefined) return undefined;
        without.add(key);
      }
    }
  }
  return undefined;
}

/** Deletes the deepest map key along `path`, and returns it; items of lists keep their index. */
function removeAt(value: unknown, path: readonly PropertyKey[]): string | undefined {
  let at = value;
  let lowest: { readonly map: Record<string, unknown>; readonly key: string } | undefined;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) break;
    if (isMap(at)) lowest = { map: at, key: String(step) };
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  if (lowest) delete lowest.map[lowest.key];
  return lowest?.key;
}
