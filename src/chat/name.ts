/** Combining dot above: the lower case of İ is i and this. */
const DOT = '\u0307';

/**
 * Folds one code point for comparing names: without case, and İ as i, ß as ss, ς as σ. One at a time, because the lower case of
 * a text may have a different length, so that indexes would not match.
 */
function fold(character: string): string {
  return character.toUpperCase().toLowerCase().replaceAll(DOT, '');
}

/** A name prepared for `nameEnd` and `nameAt`, which are called for many lines. */
export type FoldedName = string & { readonly folded: true };

export function foldName(name: string): FoldedName {
  return Array.from(name, fold).join('') as FoldedName;
}

/** The end of `name` in a text that starts with it, ignoring case; undefined if the text does not, or the name is empty. */
export function nameEnd(text: string, name: FoldedName, from = 0): number | undefined {
  if (name === '') return undefined;
  const first = text.charCodeAt(from);
  // Most texts return here.
  if (first < 0x80 && name.charCodeAt(0) < 0x80 && (first | 0x20) !== (name.charCodeAt(0) | 0x20)) return undefined;
  let at = from;
  for (let done = 0; done < name.length;) {
    const code = text.codePointAt(at);
    if (code === undefined) return undefined;
    const character = String.fromCodePoint(code);
    const piece = code < 0x80 ? character.toLowerCase() : fold(character);
    if (!name.startsWith(piece, done)) return undefined;
    done += piece.length;
    at += character.length;
  }
  return text.charAt(at) === DOT ? at + 1 : at;
}

/** The first position of `name` at the start of the text or after a space, ignoring case. */
export function nameAt(text: string, name: FoldedName): { readonly from: number; readonly to: number } | undefined {
  for (let from = 0; from < text.length; from++) {
    if (from > 0 && !isSpace(text.charCodeAt(from - 1))) continue;
    const to = nameEnd(text, name, from);
    if (to !== undefined) return { from, to };
  }
  return undefined;
}

/** Like `\s`; called for each character of a text, where a regular expression would take ten times as long. */
function isSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return /\s/.test(String.fromCharCode(code));
}
