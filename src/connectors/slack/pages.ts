import type { JsonObject, JsonValue } from '../connector.ts';
import { plainOf, type Element, type Line } from './lines.ts';

/** Slack's limit for a section, applied to rich text too, for which none is documented. */
const BLOCK_CHARACTERS = 3_000;
/** Slack answers `msg_blocks_too_long` above about 13,200 characters of JSON (bolt-js issues 2509 and 2867). */
export const MAX_BLOCKS_CHARACTERS = 13_000;
/** For everything around the lines: the blocks themselves, `(12/20)`, the number of omitted lines. */
const FRAME_CHARACTERS = 1_200;
/** Together with the fallback text, below `MAX_BYTES` in any script. */
const PAGE_BYTES = 26_000;
/** JSON that joins a line to the previous one. */
const JOINT_CHARACTERS = 60;
/** Limits for one piece of a line: shown characters, and JSON with its styles. */
const PIECE_CHARACTERS = 1_500;
const PIECE_JSON = 4_000;

/** Lines that fit one message. */
export type Page = Line[];

/**
 * Fills at most `max` pages with lines, in order, and leaves `reserved` characters of each free. `left`: the number of lines that
 * did not fit. Pure.
 */
export function paginate(
  lines: readonly Line[],
  max: number,
  reserved: number,
): { readonly pages: readonly Page[]; readonly left: number } {
  const pages: Page[] = [[]];
  const room = MAX_BLOCKS_CHARACTERS - FRAME_CHARACTERS - reserved;
  let characters = 0;
  let bytes = 0;
  for (const [index, line] of lines.entries())
    for (const piece of pieces(line)) {
      const json = JSON.stringify(piece.elements);
      const cost = json.length + JOINT_CHARACTERS;
      const page = pages.at(-1);
      if (page && page.length > 0 && (characters + cost > room || bytes + Buffer.byteLength(json) > PAGE_BYTES)) {
        if (pages.length === max) return { pages, left: lines.length - index };
        pages.push([]);
        characters = 0;
        bytes = 0;
      }
      pages.at(-1)?.push(piece);
      characters += cost;
      bytes += Buffer.byteLength(json) + JOINT_CHARACTERS;
    }
  return { pages, left: 0 };
}

/** Splits a line so that each piece fits a block: at a space if there is one nearby, never within a character. */
function pieces(line: Line): Line[] {
  if (line.plain.length <= PIECE_CHARACTERS && jsonLength(line.elements) <= PIECE_JSON) return [line];
  const made: Line[] = [];
  let elements: Element[] = [];
  let length = 0;
  let size = 0;
  const end = (): void => {
    if (elements.length > 0) made.push({ ...line, elements, plain: elements.map(plainOf).join('') });
    elements = [];
    length = 0;
    size = 0;
  };
  for (const atom of line.elements.flatMap(atoms)) {
    const shown = plainOf(atom).length;
    const json = jsonLength(atom);
    if (length + shown > PIECE_CHARACTERS || size + json > PIECE_JSON) end();
    elements.push(atom);
    length += shown;
    size += json;
  }
  end();
  return made;
}

function jsonLength(value: JsonValue): number {
  return JSON.stringify(value).length;
}

function atoms(element: Element): Element[] {
  const { text } = element;
  // The URL of a link is at most 2,000 characters, so the label must fit in the rest of a block.
  if (element.type !== 'text' || typeof text !== 'string')
    return [typeof text === 'string' ? { ...element, text: chunks(text, 500)[0] ?? '' } : element];
  return chunks(text, PIECE_CHARACTERS).map((chunk) => ({ ...element, text: chunk }));
}

function chunks(text: string, max: number): string[] {
  const cut: string[] = [];
  let rest = text;
  while (rest.length > max) {
    const space = rest.lastIndexOf(' ', max - 1) + 1;
    const isSplit = /[\uD800-\uDBFF]/.test(rest.charAt(max - 1));
    const at = space > max / 2 ? space : isSplit ? max - 1 : max;
    cut.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return rest === '' ? cut : [...cut, rest];
}

const ELEMENTS = { line: 'rich_text_section', quote: 'rich_text_quote', code: 'rich_text_preformatted' } as const;

interface Span {
  readonly kind: Line['kind'];
  readonly elements: Element[];
}

/** A page as rich text blocks. */
export function blocksOf(page: Page): JsonObject[] {
  const blocks: Span[][] = [];
  let characters = BLOCK_CHARACTERS;
  for (const { kind, elements, plain } of page) {
    if (characters + plain.length > BLOCK_CHARACTERS) {
      blocks.push([]);
      characters = 0;
    }
    const block = blocks.at(-1);
    const before = block?.at(-1);
    if (before?.kind === kind) join(before.elements, elements);
    else block?.push({ kind, elements: elements.length > 0 ? [...elements] : [{ type: 'text', text: ' ' }] });
    characters += plain.length + 1;
  }
  return blocks.map((block) => ({
    type: 'rich_text',
    elements: block.map(({ kind, elements }) => ({ type: ELEMENTS[kind], elements })),
  }));
}

/** Adds a line; adjacent texts without a style are merged. */
function join(elements: Element[], more: readonly Element[]): void {
  for (const element of [{ type: 'text', text: '\n' } as const, ...more]) {
    const last = elements.at(-1);
    if (last?.type === 'text' && element.type === 'text' && !last['style'] && !element['style'])
      elements[elements.length - 1] = { type: 'text', text: `${String(last['text'])}${String(element['text'])}` };
    else elements.push(element);
  }
}
