import { cut } from '../chat/cut.ts';
import { parseDuration } from '../chat/duration.ts';

/** A line split at white space; `rest(i)` is the text from word `i` on, as typed. */
export interface Words {
  readonly words: readonly string[];
  rest(index: number): string;
}

export type ArgumentType =
  'word' | 'rest' | 'int' | 'duration' | 'room' | 'ids' | { readonly choices: readonly string[] };

export type Item =
  | { readonly type: 'literal'; readonly word: string }
  | { readonly type: 'argument'; readonly name: string; readonly as: ArgumentType }
  | { readonly type: 'optional'; readonly items: readonly Item[] };

export interface CompiledPattern {
  readonly source: string;
  readonly items: readonly Item[];
  /** The literal words at its start, in lower case, which the index looks up. */
  readonly prefix: readonly string[];
}

/** The argument where parsing failed, and a sentence for people. */
export interface Mismatch {
  readonly argument: string;
  readonly message: string;
}

/**
 * `restAt`: the word where free text starts. `slipAt`: a word that starts like the expected number or duration, but is not
 * one. It is a mistyped number, never part of a note: the command must not affect something else.
 */
export type MatchResult =
  | { readonly ok: true; readonly args: Record<string, unknown>; readonly restAt?: number }
  | { readonly ok: false; readonly mismatch?: Mismatch; readonly slipAt?: number };

export function splitWords(text: string): Words {
  const found = [...text.matchAll(/\S+/g)];
  return {
    words: found.map((match) => match[0]),
    rest: (index) => text.slice(found[index]?.index ?? text.length).trim(),
  };
}

/** @throws {Error} naming the pattern, when it is invalid. */
export function compilePattern(source: string): CompiledPattern {
  const items = compileItems(source, source);
  const prefix: string[] = [];
  for (const item of items) {
    if (item.type !== 'literal') break;
    prefix.push(item.word);
  }
  if (prefix.length === 0) throw new Error(`the pattern "${source}" must begin with a word`);
  return { source, items, prefix };
}

function compileItems(text: string, source: string): Item[] {
  const items: Item[] = [];
  for (const [token] of text.matchAll(/\[[^\]]*\]|\{[^}]*\}|[^\s[\]{}]+/g)) {
    if (token.startsWith('[')) items.push({ type: 'optional', items: compileItems(token.slice(1, -1), source) });
    else if (token.startsWith('{')) items.push(compileArgument(token.slice(1, -1), source));
    else items.push({ type: 'literal', word: token.toLowerCase() });
  }
  return items;
}

function compileArgument(inner: string, source: string): Item {
  const match = /^([a-zA-Z]\w*)(\.\.\.)?(?::([^?]+))?(\?)?$/.exec(inner) ?? /^([a-zA-Z]\w*)(\.\.\.)?(\?)?$/.exec(inner);
  if (!match?.[1]) throw new Error(`the pattern "${source}" has an invalid argument: {${inner}}`);
  const [, name, rest, type, optional] = match;
  const argument: Item = { type: 'argument', name, as: rest ? 'rest' : argumentType(type, source) };
  return optional ? { type: 'optional', items: [argument] } : argument;
}

function argumentType(type: string | undefined, source: string): ArgumentType {
  if (type === undefined) return 'word';
  if (type === 'int' || type === 'duration' || type === 'room' || type === 'ids') return type;
  if (type.includes('|')) return { choices: type.split('|').map((choice) => choice.trim().toLowerCase()) };
  throw new Error(`the pattern "${source}" has an unknown type: ${type}`);
}

/** `#12.`, `12,` and `12` are ids, and so are lists such as `12,13`. Leading zeros and signs are not allowed. */
const ID = /^#?([1-9]\d{0,8})[.,;:]?$/;

/** The ids in a word, or undefined if it contains anything else. */
export function idsOf(word: string): string[] | undefined {
  const ids: string[] = [];
  for (const piece of word.split(',').filter((one) => one !== '')) {
    const id = ID.exec(piece)?.[1];
    if (!id) return undefined;
    ids.push(id);
  }
  return ids.length > 0 ? ids : undefined;
}

/** More would be a mistake, or not fit into the answer. */
const MAX_IDS = 100;
/** Digits of any script: `٣` is meant as a number too. */
const STARTS_LIKE_NUMBER = /^[#+.,−-]*\p{N}/u;
const LOOKS_LIKE_NUMBER = /^[#+.,;:−-]*\p{N}[#+.,;:−\p{N}-]*$/u;

const INT = /^-?\d+$/;
/** The largest integer of Postgres. */
const MAX_INT = 2 ** 31 - 1;
const bare = (word: string): string => word.toLowerCase().replace(/[.,;:!?]+$/, '');

/** Names of the arguments that are rooms. */
export function roomArguments(items: readonly Item[]): string[] {
  return items.flatMap((item) =>
    item.type === 'optional'
      ? roomArguments(item.items)
      : item.type === 'argument' && item.as === 'room'
        ? [item.name]
        : [],
  );
}

/** Looks at each word a small, bounded number of times. Rooms are returned as the word; the caller resolves them. Pure. */
export function matchPattern(pattern: CompiledPattern, text: Words): MatchResult {
  let mismatch: { at: number; value: Mismatch } | undefined;
  const fail = (at: number, argument: string, message: string): undefined => {
    if (!mismatch || at >= mismatch.at) mismatch = { at, value: { argument, message } };
    return undefined;
  };
  let slipAt: number | undefined;
  const reject = (at: number, argument: string, message: string): undefined => {
    slipAt = Math.max(slipAt ?? at, at);
    return fail(at, argument, message);
  };
  let restAt: number | undefined;

  function match(
    items: readonly Item[],
    item: number,
    at: number,
    args: Record<string, unknown>,
  ): Record<string, unknown> | undefined {
    const current = items[item];
    if (!current) return at === text.words.length ? args : undefined;
    const word = text.words[at];
    if (current.type === 'optional') {
      return match([...current.items, ...items.slice(item + 1)], 0, at, args) ?? match(items, item + 1, at, args);
    }
    if (word === undefined)
      return current.type === 'argument' ? fail(at, current.name, `${current.name} is missing`) : undefined;
    if (current.type === 'literal')
      return bare(word) === current.word || word.toLowerCase() === current.word
        ? match(items, item + 1, at + 1, args)
        : undefined;
    const { name, as } = current;
    if (as === 'rest') {
      if (item !== items.length - 1 || (slipAt ?? -1) >= at) return undefined;
      restAt = at;
      return { ...args, [name]: text.rest(at) };
    }
    if (as === 'ids') return matchIds(items, item, at, args, name);
    const value = convert(word, as);
    if (value === undefined) {
      const isSlip = (as === 'int' || as === 'duration') && STARTS_LIKE_NUMBER.test(word);
      return (isSlip ? reject : fail)(at, name, expectation(word, name, as));
    }
    return match(items, item + 1, at + 1, { ...args, [name]: value });
  }

  function matchIds(
    items: readonly Item[],
    item: number,
    at: number,
    args: Record<string, unknown>,
    name: string,
  ): Record<string, unknown> | undefined {
    const ids = new Set<string>();
    let next = at;
    for (let more = idsOf(text.words[next] ?? ''); more; more = idsOf(text.words[++next] ?? '')) {
      for (const id of more) ids.add(id);
      if (ids.size > MAX_IDS) return reject(next, name, `at most ${MAX_IDS} numbers are allowed at once`);
    }
    const word = text.words[next] ?? '';
    const isSlip = (ids.size === 0 ? STARTS_LIKE_NUMBER : LOOKS_LIKE_NUMBER).test(word);
    if (isSlip) return reject(next, name, `"${short(word)}" is not a number like 12`);
    if (ids.size === 0) return fail(at, name, `"${short(word)}" is not a number like 12`);
    return match(items, item + 1, next, { ...args, [name]: [...ids] });
  }

  const args = match(pattern.items, 0, 0, {});
  if (args) return { ok: true, args, ...(restAt !== undefined && { restAt }) };
  return { ok: false, ...(mismatch && { mismatch: mismatch.value }), ...(slipAt !== undefined && { slipAt }) };
}

/** A word, truncated for the reply. */
function short(word: string): string {
  return word.length <= 40 ? word : `${cut(word, 39)}…`;
}

function convert(word: string, as: Exclude<ArgumentType, 'rest' | 'ids'>): unknown {
  if (as === 'word' || as === 'room') return word;
  if (as === 'duration') return parseDuration(bare(word));
  if (as === 'int') {
    const number = INT.test(bare(word)) ? Number(bare(word)) : Number.NaN;
    return Math.abs(number) <= MAX_INT ? number : undefined;
  }
  return as.choices.includes(bare(word)) ? bare(word) : undefined;
}

function expectation(word: string, name: string, as: Exclude<ArgumentType, 'rest' | 'ids'>): string {
  if (as === 'duration') return `"${short(word)}" is not a duration like 90s, 15m, 2h or 5d`;
  if (as === 'int') return `"${short(word)}" is ${INT.test(bare(word)) ? 'too large' : 'not a whole number'}`;
  if (typeof as === 'object') return `${name} must be one of ${as.choices.join(', ')}`;
  return `"${short(word)}" is not a ${name}`;
}
