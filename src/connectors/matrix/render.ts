import { cut } from '../../chat/cut.ts';
import { escapeHtml } from '../../chat/html.ts';
import { clean, cleanLine, type Inline, parseMarkdown, QUOTED, safeUrl } from '../../chat/markdown.ts';
import type { FileRef, Image, Mention, Message, Tone } from '../../chat/message.ts';
import type { Part, RenderOptions } from '../connector.ts';
import type { MatrixBody } from './body.ts';
import { editContent } from './content.ts';
import { cutLine, inlineLine, jsonBytes, type Line } from './cut.ts';
import { defuse } from './defuse.ts';

/**
 * Largest part. A Matrix event is at most 65,536 bytes as canonical JSON (specification, "Size limits"); what the server adds to the
 * content (room, sender, up to 20 previous and 10 auth events, hashes, signatures) is less than 4,000.
 */
export const MAX_BYTES = 60_000;

/** Beyond this, the last part says how much was omitted. */
const MAX_PARTS = 20;

/** Space for the rest of a content: its keys, the longest event id, the mark `(12/20)`, and tags added by cutting. */
const OVERHEAD_BYTES = 1_200;

const SIGNS: Readonly<Record<Tone, string>> = { critical: '🔴', warning: '🟠', info: '🔵', ok: '🟢', neutral: '' };

// Readable on white and on dark grey.
const COLOURS: Readonly<Record<Tone, string | undefined>> = {
  critical: '#e5484d',
  warning: '#d97706',
  info: '#3b82f6',
  ok: '#2f9e5f',
  neutral: undefined,
};

/** Renders a message as Matrix events, cut at line ends into parts that also fit as edits. Pure. */
export function renderMatrix(message: Message, options: RenderOptions, maxBytes = MAX_BYTES): Part[] {
  const notice = message.notice === true && !options.ring;
  const { pages, left } = paginate(layOut(message), maxBytes - OVERHEAD_BYTES);
  const parts = pages.map((page, index) => {
    const lines = [...page];
    if (left > 0 && index === pages.length - 1) lines.push(plainLine(`… ${left} more lines omitted`));
    if (pages.length > 1) lines.push(plainLine(`(${index + 1}/${pages.length})`));
    return toPart(lines, notice);
  });
  const files = (message.files ?? []).map((file) => filePart(file, notice));
  return [...parts, ...(message.image ? [imagePart(message.image, notice)] : []), ...files];
}

/** A separate event, which refers to the uploaded picture. */
function imagePart({ png, width, height, alt }: Image, notice: boolean): Part {
  const body: MatrixBody = { text: oneLine(alt), html: null, mentions: [], notice, image: { png, width, height } };
  const sent = { ...body, image: { png: '', width, height, url: `mxc://${'x'.repeat(255)}`, size: png.length } };
  return { body, bytes: jsonBytes(editContent(sent, `$${'x'.repeat(254)}`)) };
}

/** A separate event, with the address of the uploaded file. */
function filePart(ref: FileRef, notice: boolean): Part {
  const { alt, hash: _, ...described } = ref;
  const file = { ...described, name: oneLine(ref.name) };
  const body: MatrixBody = { text: oneLine(alt ?? ref.name), html: null, mentions: [], notice, file };
  const sent = { ...body, file: { ...file, url: `mxc://${'x'.repeat(255)}` } };
  return { body, bytes: jsonBytes(editContent(sent, `$${'x'.repeat(254)}`)), file: ref };
}

function toPart(lines: readonly Line[], notice: boolean): Part {
  const text = lines.map((line) => `${plainMark(line)}${line.plain}`).join('\n');
  const html = toHtml(lines);
  const mentions = [...new Set(lines.flatMap((line) => line.mentions ?? []))];
  const bare = html === text.replaceAll('\n', '<br>');
  const body: MatrixBody = { text, html: bare ? null : html, mentions, notice };
  return { body, bytes: jsonBytes(editContent(body, `$${'x'.repeat(254)}`)) };
}

/** In plain text, lines that are not the bot's own start with a mark. */
function plainMark(line: Line): string {
  return line.quote ? QUOTED : line.code ? '  ' : '';
}

/** Consecutive lines of a kind share an element. */
const BLOCKS = {
  code: { open: '<pre><code>', between: '\n', close: '</code></pre>' },
  quote: { open: '<blockquote>', between: '<br>', close: '</blockquote>' },
  line: { open: '', between: '<br>', close: '' },
} as const;

function kindOf(line: Line): keyof typeof BLOCKS {
  return line.code ? 'code' : line.quote ? 'quote' : 'line';
}

function toHtml(lines: readonly Line[]): string {
  let html = '';
  let before: keyof typeof BLOCKS | undefined;
  for (const line of lines) {
    const kind = kindOf(line);
    html += kind === before ? BLOCKS[kind].between : `${before ? BLOCKS[before].close : ''}${BLOCKS[kind].open}`;
    html += line.html;
    before = kind;
  }
  return before ? `${html}${BLOCKS[before].close}` : html;
}

/** The message as self-contained lines. */
function layOut(message: Message): Line[] {
  const lines: Line[] = [];
  if (message.title !== undefined) lines.push(titleLine(message.title, message.tone ?? 'neutral'));
  if (message.text !== undefined && message.text !== '') {
    for (const block of parseMarkdown(message.text)) {
      if (block.type === 'code') lines.push(...codeLines(block.text));
      else lines.push({ ...inlineLine(block.children), ...(block.type === 'quote' && { quote: true }) });
    }
  }
  for (const { label, value } of message.fields ?? []) {
    const [first = '', ...more] = clean(value).split('\n');
    lines.push(
      inlineLine([
        { type: 'bold', children: [{ type: 'text', text: `${oneLine(label)}:` }] },
        { type: 'text', text: ` ${first}` },
      ]),
    );
    lines.push(...more.map((line) => ({ ...plainLine(line), quote: true })));
  }
  if (message.code !== undefined) lines.push(...codeLines(clean(message.code)));
  lines.push(...mentionLines(message.mentions ?? []));
  if (message.links && message.links.length > 0) lines.push(linkLine(message.links));
  return lines.length > 0 ? lines : [plainLine('')];
}

function titleLine(title: string, tone: Tone): Line {
  const text = oneLine(title).trim();
  const sign = SIGNS[tone];
  // A title that starts with an emoji keeps it.
  const signed = sign === '' || /^\p{Extended_Pictographic}/u.test(text) ? text : `${sign} ${text}`;
  const line = inlineLine([{ type: 'bold', children: [{ type: 'text', text: signed }] }]);
  const colour = COLOURS[tone];
  return colour === undefined ? line : { ...line, html: `<font data-mx-color="${colour}">${line.html}</font>`, colour };
}

function codeLines(text: string): Line[] {
  return defuse(text)
    .replace(/\n$/, '')
    .split('\n')
    .map((plain) => ({ plain, html: escapeHtml(plain), code: true }));
}

/** At most ten people on each line, so that a line always fits. */
function mentionLines(mentions: readonly Mention[]): Line[] {
  const lines: Line[] = [];
  for (let from = 0; from < mentions.length; from += 10) {
    const some = mentions
      .slice(from, from + 10)
      .map((mention) => ({ ...mention, name: cut(oneLine(mention.name || mention.accountId), 255) }));
    lines.push({
      plain: some.map(({ name }) => name).join(', '),
      html: some
        .map(
          ({ accountId, name }) =>
            `<a href="https://matrix.to/#/${encodeURIComponent(accountId)}">${escapeHtml(name)}</a>`,
        )
        .join(', '),
      mentions: some.map(({ accountId }) => accountId),
    });
  }
  return lines;
}

function linkLine(links: NonNullable<Message['links']>): Line {
  const inlines = links.flatMap(({ label, url }, index): Inline[] => {
    const href = safeUrl(url);
    const text = oneLine(label);
    const link: Inline = href
      ? { type: 'link', url: href, children: [{ type: 'text', text }] }
      : { type: 'text', text: `${text} (${oneLine(url)})` };
    return index === 0 ? [link] : [{ type: 'text', text: ' · ' }, link];
  });
  return inlineLine(inlines);
}

/** Fills pages with lines. The bytes of JSON strings add up, and an edit contains both texts twice. */
function paginate(lines: readonly Line[], budget: number): { pages: Line[][]; left: number } {
  const pages: Line[][] = [[]];
  let used = 0;
  for (const [index, whole] of lines.entries()) {
    for (const line of cutLine(whole, budget)) {
      let cost = costOf(line, pages.at(-1)?.at(-1));
      if (used + cost > budget && used > 0) {
        if (pages.length === MAX_PARTS) return { pages, left: lines.length - index };
        pages.push([]);
        used = 0;
        cost = costOf(line, undefined);
      }
      pages.at(-1)?.push(line);
      used += cost;
    }
  }
  return { pages, left: 0 };
}

/** The bytes of a line in the largest request: text and HTML, each twice (their quotes count for the line ends), and mentions. */
function costOf(line: Line, before: Line | undefined): number {
  const { open, between, close } = BLOCKS[kindOf(line)];
  const stands = before !== undefined && kindOf(before) === kindOf(line);
  const marks = plainMark(line).length + (stands ? between.length : open.length + close.length);
  return 2 * (jsonBytes(line.plain) + jsonBytes(line.html) + marks) + (line.mentions ? jsonBytes(line.mentions) : 0);
}

function plainLine(text: string): Line {
  return inlineLine([{ type: 'text', text }]);
}

function oneLine(text: string): string {
  return defuse(cleanLine(text));
}
