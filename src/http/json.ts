import { messageOf } from '../errors.ts';

/** Alertmanager nests 3 levels, GitHub 8; deeper ones are built to hurt whoever walks them. */
const MAX_DEPTH = 64;
/** Commas and opened brackets; 10,000 alerts have about 400,000. Each costs up to 60 bytes once parsed, and one to send. */
const MAX_VALUES = 1_000_000;
/** Up to here the place of an error is worth looking for. */
const MAX_SEARCHED_CHARACTERS = 256 * 1024;

export type ParsedJson = { readonly value: unknown } | { readonly problem: string; readonly tooLarge?: true };

/** Parses JSON of at most 64 levels and 1,000,000 values; a problem is one sentence that says where, and quotes nothing. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === '') return { problem: 'the body is empty: send JSON' };
  const outsized = findOutsized(text);
  if (outsized?.what === 'levels') {
    return {
      problem: `the body nests deeper than ${MAX_DEPTH} levels at ${placeOf(text, outsized.at)}: send it flatter`,
    };
  }
  if (outsized) return { problem: `the body has more than 1,000,000 values: send less at once`, tooLarge: true };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: `the body is not JSON: it breaks at ${placeOf(text, positionOf(text, messageOf(error)))}` };
  }
}

/** Looked for before parsing: 32 MB of `[` or `{},` would become a gigabyte of objects. */
function findOutsized(text: string): { readonly what: 'levels' | 'values'; readonly at: number } | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return undefined;
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return { what: 'levels', at };
      if (++values > MAX_VALUES) return { what: 'values', at };
    } else if (character === COMMA) {
      if (++values > MAX_VALUES) return { what: 'values', at };
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--;
  }
  return undefined;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/** Index of the closing quote, -1 when there is none. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return -1;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/**
 * Where parsing stopped. V8 names the position in some of its messages only. For the others: every beginning of the
 * text that ends before the fault fails as unfinished (or not at all), every longer one with the same fault, so the
 * place is found by halving.
 */
function positionOf(text: string, message: string): number | undefined {
  const named = /position (\d+)/.exec(message)?.[1];
  if (named !== undefined) return Number(named);
  if (!message.startsWith('Unexpected token')) return text.length;
  if (text.length > MAX_SEARCHED_CHARACTERS) return undefined;
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (failsOnToken(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

function failsOnToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return messageOf(error).startsWith('Unexpected token');
  }
}

function placeOf(text: string, position: number | undefined): string {
  if (position === undefined) return 'some place beyond its beginning';
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return `line ${line}, column ${position - lineStart + 1}`;
}
