import { cut } from '../../chat/cut.ts';
import { cleanLine } from '../../chat/markdown.ts';
import type { FileRef, Image, Mention, Message } from '../../chat/message.ts';
import type { JsonObject, Part, RenderOptions } from '../connector.ts';
import { actionBlocks } from './actions.ts';
import { linesOf, plainLine, type Line } from './lines.ts';
import { blocksOf, paginate } from './pages.ts';

/** The last part states how many lines are omitted. */
const MAX_PARTS = 20;
/** Notifications, search and screen readers use the text beside the blocks. Slack allows 4,000 characters in an edit. */
const FALLBACK_CHARACTERS = 2_000;
const ESCAPED_CHARACTERS = 3_000;
const QUOTED = '> ';

/** The stored form of a part; `content.ts` turns it into a request. */
export type SlackBody = {
  /** With Slack's escapes. */
  readonly text: string;
  /** Null: only the text is shown. */
  readonly blocks: readonly JsonObject[] | null;
  readonly image?: { readonly png: string; readonly alt: string };
  readonly file?: { readonly name: string };
};

/** Renders a message as rich text, split at line ends into parts. Pure. */
export function renderSlack(message: Message, { press }: RenderOptions): Part[] {
  const actions = actionBlocks(message.actions ?? [], press);
  const { pages, left } = paginate(linesOf(message), MAX_PARTS, JSON.stringify(actions).length);
  const parts = pages.map((page, index) => {
    const isLast = index === pages.length - 1;
    const lines = [...page];
    if (left > 0 && isLast) lines.push(plainLine(`… ${left} more lines omitted`));
    if (pages.length > 1) lines.push(plainLine(`(${index + 1}/${pages.length})`));
    return partOf({
      text: fallback(lines, index === 0 ? (message.mentions ?? []) : []),
      blocks: [...blocksOf(lines), ...(isLast ? actions : [])],
    });
  });
  return [...parts, ...(message.image ? [imagePart(message.image)] : []), ...(message.files ?? []).map(filePart)];
}

function partOf(body: SlackBody): Part {
  return { body, bytes: Buffer.byteLength(JSON.stringify(body)) };
}

/** The picture does not count: the request refers to it by id. */
function imagePart({ png, alt }: Image): Part {
  const words = cut(cleanLine(alt), FALLBACK_CHARACTERS);
  const body: SlackBody = { text: textOf(words), blocks: null, image: { png, alt: words } };
  return { body, bytes: Buffer.byteLength(JSON.stringify({ ...body, image: { png: '', alt: words } })) };
}

function filePart(file: FileRef): Part {
  const name = cut(cleanLine(file.name), 255) || 'file';
  const text = textOf(cleanLine(file.alt ?? file.name)) || 'file';
  return { ...partOf({ text, blocks: null, file: { name } }), file };
}

/** A lock screen shows its first line. It repeats the mentions, because some clients notify by the text alone. */
function fallback(lines: readonly Line[], mentions: readonly Mention[]): string {
  const words = lines.map(({ kind, plain }) => (kind === 'quote' ? QUOTED : '') + plain).join('\n');
  const people = mentions.flatMap(({ accountId }) =>
    /^[UW][A-Z0-9]{1,30}$/.test(accountId) ? [`<@${accountId}>`] : [],
  );
  return [textOf(words), people.slice(0, 50).join(' ')].filter(Boolean).join('\n');
}

/** As much as fits, with Slack's escapes. */
function textOf(words: string): string {
  let shown = cut(words, FALLBACK_CHARACTERS);
  while (escapeText(shown).length > ESCAPED_CHARACTERS) shown = cut(shown, Math.floor(shown.length * 0.8));
  return escapeText(shown);
}

/** Escapes text, so that nothing in it is a mention or a link. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
