import type { z } from 'zod';
import { isMap } from './raw.ts';

/** As much of a value as its schema takes. */
export interface ValidPart {
  readonly data: unknown;
  /** The keys that were left out, each with all that stands below it. */
  readonly without: ReadonlySet<string>;
  /** Something else stood where a map of names belongs: which names there are is not known. */
  readonly lacksNames: boolean;
}

/** What is wrong with a whole shows only when its parts are right. */
const ROUNDS = 5;

/** Reads a value without what its schema refuses; undefined where that is all of it. */
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
        const key = leaveOut(rest, path);
        if (key === undefined) return undefined;
        without.add(key);
      }
    }
  }
  return undefined;
}

/** Deletes the lowest key of a map on the way to `path`, and says which; what stands in a list keeps its place. */
function leaveOut(value: unknown, path: readonly PropertyKey[]): string | undefined {
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
