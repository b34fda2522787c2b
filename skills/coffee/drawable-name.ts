/** In widths of an em. */
const MAX_WIDTH = 10.5;
const SEGMENTER = new Intl.Segmenter('en');
const EMOJI_SEQUENCE =
  /(\p{Extended_Pictographic})[\p{Emoji_Modifier}\ufe0f]*(?:\u200d\p{Extended_Pictographic}[\p{Emoji_Modifier}\ufe0f]*)*/gu;

/**
 * A name from outside as text of an SVG that resvg can draw: escaped, at most 10.5 em wide, without control characters,
 * changes of direction, and stacks of more than three marks.
 *
 * resvg takes missing glyphs from other fonts only if they make as many glyphs of the text as the first font does; otherwise it
 * draws boxes. So anything that only some fonts combine is replaced here: `e` with an accent by one character, an emoji sequence
 * by its first emoji, a flag by its two letters, and ligatures such as `ff` and `fi` are prevented.
 */
export function drawableName(name: string): string {
  const plain = name
    .slice(0, 200)
    .toWellFormed()
    // `ann` of `@ann:example.org`.
    .replace(/^@([^:]+):.*$/s, '$1')
    .normalize('NFC')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .replace(EMOJI_SEQUENCE, '$1')
    .replace(/\p{RI}/gu, (letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) - 0x1f1e6 + 65))
    .replace(/[\ufe00-\ufe0f\u20e3]/gu, '')
    // Joiners have a meaning in Persian and Hindi.
    .replace(/(?![\u200c\u200d])\p{C}/gu, '')
    .replace(/\s+/gu, ' ')
    .trim();
  const escaped = shorten(plain).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return escaped.replace(/f(?=[fijlt])/g, 'f\u200c');
}

function shorten(text: string): string {
  const characters = [...SEGMENTER.segment(text)].map(({ segment }) => segment);
  let width = 0;
  const fitting = characters.findIndex((character) => (width += widthOf(character)) > MAX_WIDTH);
  return fitting < 0 ? text : `${characters.slice(0, Math.max(0, fitting - 1)).join('')}…`;
}

/** About as wide as it is in Noto Sans; when in doubt, wider. */
function widthOf(character: string): number {
  if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(character)) return 1;
  if (/\p{Extended_Pictographic}/u.test(character)) return 1.3;
  if (/[mwMW@%—]/.test(character)) return 0.92;
  if (/\p{Lu}/u.test(character)) return 0.7;
  return /[\sijlftr.,:;'|!()[\]-]/.test(character) ? 0.35 : 0.6;
}
