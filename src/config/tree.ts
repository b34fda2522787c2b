/** A configuration as written: each value with its position, so that every problem can name line and column. */

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Entry {
  readonly keyAt: Place;
  readonly node: Tree;
}

export type Tree =
  | { readonly kind: 'map'; readonly at: Place; readonly entries: Map<string, Entry> }
  | { readonly kind: 'list'; readonly at: Place; readonly items: readonly Tree[] }
  | { readonly kind: 'scalar'; readonly at: Place; readonly value: string | number | boolean | null };

export type Path = readonly (string | number)[];

/** Something wrong at a path of the configuration; `at` if the position is not that of the path. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly at?: Place;
  /** The key itself is wrong, not its value. */
  readonly atKey?: boolean;
}

export function emptyMap(at: Place): Tree {
  return { kind: 'map', at, entries: new Map() };
}

export function toValue(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(toValue);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, toValue(entry.node)]));
}

/** The position of a path: its value, or the nearest key if the end of the path is missing or unknown. */
export function placeOf(tree: Tree, path: Path, preferKey = false): Place {
  let node = tree;
  let at = tree.at;
  for (const [index, step] of path.entries()) {
    if (node.kind === 'map') {
      const entry = node.entries.get(String(step));
      if (!entry) return at;
      node = entry.node;
      at = entry.keyAt;
    } else if (node.kind === 'list') {
      const item = node.items[Number(step)];
      if (!item) return at;
      node = item;
      at = item.at;
    } else return at;
    if (index === path.length - 1 && !preferKey) return node.at;
  }
  return at;
}

/** `skills.alerts.route.rooms[0]`; keys that are not plain words are quoted. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\p{L}\p{N}_-]+$/u.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step.slice(0, 100))}]`;
  }
  return text;
}

export function placeText({ file, line, column }: Place): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

/** Maps are merged key by key; anything else may be set in one file only. */
export function merge(one: Tree, other: Tree, problem: (finding: Finding) => void, path: Path = []): Tree {
  if (one.kind === 'scalar' && one.value === null) return other;
  if (other.kind === 'scalar' && other.value === null) return one;
  if (one.kind !== 'map' || other.kind !== 'map') {
    problem({ path, message: `is also in ${placeText(one.at)}: set it in only one of them`, at: other.at });
    return one;
  }
  const entries = new Map(one.entries);
  for (const [key, entry] of other.entries) {
    const mine = entries.get(key);
    entries.set(key, mine ? { keyAt: mine.keyAt, node: merge(mine.node, entry.node, problem, [...path, key]) } : entry);
  }
  return { kind: 'map', at: one.at, entries };
}
