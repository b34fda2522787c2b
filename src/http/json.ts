import { messageOf } from '../errors.ts';

/** Alertmanager nests 3 levels, GitHub 8; deeper ones are attacks. */
const MAX_DEPTH = 64;
/** Commas and opening brackets; 10,000 alerts have about 400,000. Each costs up to 60 bytes once parsed, but one to send. */
const MAX_VALUES = 1_000_000;
export type ParsedJson =
  | { readonly value: unknown }
  | {
      /** One sentence that does not quote the text: it is also logged and posted in the ops room. */
      readonly problem: string;
      /** Node's own message, which may quote some 20 characters of the text: for its sender only. */
      readonly detail?: string;
      readonly tooLarge?: true;
    };

/** Parses JSON of at most 64 levels and 1,000,000 values. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === '') return { problem: 'the body is empty: send JSON' };
  const outsized = findOutsized(text);
  if (outsized === 'levels') return { problem: `the body is nested deeper than ${MAX_DEPTH} levels` };
  if (outsized) return { problem: 'the body has more than 1,000,000 values: split it', tooLarge: true };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const detail = messageOf(error);
    return { problem: ['the body is not JSON', withoutExcerpt(detail)].filter(Boolean).join(': '), detail };
  }
}

/** `Unexpected token 'o', ..."b": oops}" is not valid JSON` without the quoted part. Other messages of V8 give the position. */
function withoutExcerpt(message: string): string {
  return message.replace(/(?: '.',)?(?: ?(?:\.\.\.)?".*)$/s, '');
}

/** Checked before parsing: 32 MB of `[` or `{},` would become a gigabyte of objects. */
function findOutsized(text: string): 'levels' | 'values' | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return undefined;
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return 'levels';
      if (++values > MAX_VALUES) return 'values';
    } else if (character === COMMA) {
      if (++values > MAX_VALUES) return 'values';
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
