import { escapeHtml, inlinesToHtml } from '../../chat/html.ts';
import { inlinesToPlain } from '../../chat/markdown.ts';
import type { Inline } from '../../chat/markdown.ts';
import type { JsonValue } from '../connector.ts';
import { defuse, defuseInlines } from './defuse.ts';

/** One line in both forms: plain text, and self-contained HTML. */
export interface Line {
  readonly plain: string;
  readonly html: string;
  /** Inside a code block; `html` is then only escaped. */
  readonly code?: boolean;
  /** Text from outside, shown as a quotation; `plain` does not contain the mark. */
  readonly quote?: boolean;
  readonly inlines?: readonly Inline[];
  readonly colour?: string;
  readonly mentions?: readonly string[];
}

/** A line that cannot notify everyone, with or without markup. */
export function inlineLine(given: readonly Inline[]): Line & { readonly inlines: readonly Inline[] } {
  const inlines = defuseInlines(given);
  // Again, because `@` and `room` may be in two different inlines.
  return { inlines, plain: defuse(inlinesToPlain(inlines)), html: inlinesToHtml(inlines) };
}

/** Bytes of a value as JSON in UTF-8; Matrix's canonical JSON escapes the same characters. */
export function jsonBytes(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Cuts a line that exceeds `budget` into pieces that fit, between characters; markup is closed and reopened. */
export function cutLine(line: Line, budget: number): Line[] {
  // A UTF-16 unit takes at most 3 bytes, and everything is included twice.
  if ((line.plain.length + line.html.length) * 6 + 100 < budget || line.mentions) return [line];
  const half = Math.floor(budget / 4) - 400;
  if (2 * Math.max(jsonBytes(line.plain), jsonBytes(line.html)) < budget / 2 - 200) return [line];
  if (line.code || !line.inlines)
    return chunks(line.plain, half).map((plain) => ({ plain, html: escapeHtml(plain), code: line.code }));
  const { colour, quote } = line;
  return cutInlines(line.inlines, half).map((inlines) => {
    const piece = { ...inlineLine(inlines), quote };
    return colour ? { ...piece, html: `<font data-mx-color="${colour}">${piece.html}</font>`, colour } : piece;
  });
}

/** Pieces of at most about `budget` bytes of HTML; markup around a cut text is repeated around both halves. */
function cutInlines(inlines: readonly Inline[], budget: number): Inline[][] {
  const pieces: Inline[][] = [[]];
  let used = 0;
  for (const atom of inlines.flatMap((inline) => atoms(inline, Math.floor(budget / 2)))) {
    const cost = jsonBytes(inlinesToHtml([atom]));
    if (used + cost > budget && used > 0) {
      pieces.push([]);
      used = 0;
    }
    pieces.at(-1)?.push(atom);
    used += cost;
  }
  return pieces;
}

/** Splits an inline into ones that fit. */
function atoms(inline: Inline, budget: number): Inline[] {
  if (inline.type === 'text' || inline.type === 'code')
    return chunks(inline.text, budget).map((text) => ({ ...inline, text }));
  // The address is repeated with each piece and is at most 2,000 characters.
  const inside = inline.type === 'link' ? budget - jsonBytes(escapeHtml(inline.url)) - 20 : budget - 20;
  if (inside < 200) return chunks(inlinesToPlain([inline]), budget).map((text) => ({ type: 'text', text }));
  return cutInlines(inline.children, inside).map((children) => ({ ...inline, children }));
}

/** Cuts between code points, preferably at a space, so that each piece takes at most `budget` bytes as JSON of its HTML. */
function chunks(text: string, budget: number): string[] {
  if (jsonBytes(escapeHtml(text)) <= budget) return [text];
  const pieces: string[] = [];
  let from = 0;
  let at = 0;
  let used = 2;
  let space = -1;
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    const cost = costOfCodePoint(code);
    if (used + cost > budget && at > from) {
      const end = space > from + (at - from) / 2 ? space + 1 : at;
      pieces.push(text.slice(from, end));
      from = end;
      at = end;
      used = 2;
      space = -1;
      continue;
    }
    if (code === 32) space = at;
    used += cost;
    at += code > 0xffff ? 2 : 1;
  }
  pieces.push(text.slice(from));
  return pieces;
}

function costOfCodePoint(code: number): number {
  if (code === 34 || code === 38 || code === 39 || code === 60 || code === 62) return 6; // an entity
  if (code === 92 || code === 9) return 2;
  if (code < 32) return 6;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}
