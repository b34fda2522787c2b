/**
 * The small Markdown of `Message.text`, as a neutral tree: `**bold**`, `_italic_`, `` `code` ``, fenced code,
 * `[label](https://…)`, `> quoted` and lines. A backslash before a special character makes it plain, inside code as well, so that
 * `escape()` is right wherever external text is placed. Text that does not parse is shown as typed. Linear in the input.
 */
export type Inline =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'code'; readonly text: string }
  | { readonly type: 'bold' | 'italic'; readonly children: readonly Inline[] }
  | { readonly type: 'link'; readonly url: string; readonly children: readonly Inline[] };

/** A `quote` is one line of external text; adjacent ones are shown as one block. */
export type Block =
  | { readonly type: 'line' | 'quote'; readonly children: readonly Inline[] }
  | { readonly type: 'code'; readonly text: string };

// C0 except tab and newline, DEL, C1; marks, embeddings, overrides and isolates of writing direction; the byte order mark.
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex -- this removes control characters
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Removes characters that can hide, reorder or break text (control and bidirectional characters, lone surrogates); lines end in `\n`. */
export function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, '');
}

/** `clean` on one line, for a title or a name. */
export function cleanLine(text: string): string {
  return clean(text).replaceAll('\n', ' ');
}

/** The normalised URL if it may be linked, else undefined: only valid http, https and mailto URLs are. */
export function safeUrl(url: string): string | undefined {
  if (url.length > 2000 || !/^(https?:\/\/|mailto:)[^\s]+$/i.test(url)) return undefined;
  return URL.canParse(url) ? new URL(url).href : undefined;
}

/** Prefix of a quoted line, in Markdown and in plain text. */
export const QUOTED = '> ';

/** Parses text into blocks; an unclosed fence runs to the end. */
export function parseMarkdown(text: string): Block[] {
  const blocks: Block[] = [];
  let fenced: string[] | undefined;
  for (const line of clean(text).split('\n')) {
    // "```one```" on a separate line is code too, not a fence that swallows the rest.
    const single = /^\s{0,3}```(.+?)```\s*$/.exec(line);
    if (fenced && /^\s{0,3}```\s*$/.test(line)) {
      blocks.push({ type: 'code', text: fenced.map(unescape).join('\n') });
      fenced = undefined;
    } else if (fenced) fenced.push(line);
    else if (single) blocks.push({ type: 'code', text: unescape(single[1] ?? '') });
    // Only the name of a language may follow, because it is not shown.
    else if (/^\s{0,3}```[\w+#.-]*\s*$/.test(line)) fenced = [];
    else if (line.startsWith(QUOTED)) blocks.push({ type: 'quote', children: parseLine(line.slice(QUOTED.length)) });
    else blocks.push({ type: 'line', children: parseLine(line) });
  }
  if (fenced) blocks.push({ type: 'code', text: fenced.map(unescape).join('\n') });
  return blocks;
}

const ESCAPED = /\\([\\`*_[\]<>~|])/g;

function unescape(text: string): string {
  return text.replace(ESCAPED, '$1');
}

type Mark = 'bold' | 'italic' | 'link';
interface Frame {
  readonly mark: Mark | undefined;
  /** The opening mark as text, in case it is never closed. */
  readonly literal: string;
  readonly children: Inline[];
}

/** One pass with a stack of at most one open mark of each kind, so that no input takes more than linear time. */
class LineParser {
  private readonly line: string;
  private readonly stack: Frame[] = [{ mark: undefined, literal: '', children: [] }];
  private at = 0;
  private text = '';
  private noMoreTicks = false;

  constructor(line: string) {
    this.line = line;
  }

  parse(): Inline[] {
    while (this.at < this.line.length) this.step();
    this.flush();
    while (this.stack.length > 1) this.abandon();
    return this.stack[0]?.children ?? [];
  }

  private step(): void {
    const { line, at } = this;
    const char = line.charAt(at);
    if (char === '\\' && at + 1 < line.length && '\\`*_[]<>~|'.includes(line.charAt(at + 1)))
      return this.take(line.charAt(at + 1), 2);
    if (char === '`') return this.code();
    const before = line.charAt(at - 1);
    if (char === '*' && line.charAt(at + 1) === '*') return this.toggle('bold', '**', true, true);
    if (char === '_') {
      const after = line.charAt(at + 1);
      return this.toggle(
        'italic',
        '_',
        !isWord(before) && !isSpace(after) && after !== '_',
        !isWord(after) && !isSpace(before),
      );
    }
    if (char === '[') return this.open('link', '[');
    if (char === ']') return this.link();
    return this.take(char, 1);
  }

  private take(text: string, width: number): void {
    this.text += text;
    this.at += width;
  }

  private flush(): void {
    if (this.text !== '') this.stack.at(-1)?.children.push({ type: 'text', text: this.text });
    this.text = '';
  }

  private code(): void {
    const end = this.noMoreTicks ? -1 : closingTick(this.line, this.at + 1);
    if (end === -1) this.noMoreTicks = true;
    if (end <= this.at + 1) return this.take('`', 1);
    this.flush();
    this.stack.at(-1)?.children.push({ type: 'code', text: unescape(this.line.slice(this.at + 1, end)) });
    this.at = end + 1;
  }

  private toggle(mark: 'bold' | 'italic', literal: string, canOpen: boolean, canClose: boolean): void {
    const open = this.stack.findIndex((frame) => frame.mark === mark);
    if (open === -1) return canOpen ? this.open(mark, literal) : this.take(literal, literal.length);
    if (!canClose) return this.take(literal, literal.length);
    this.flush();
    while (this.stack.length - 1 > open) this.abandon();
    const frame = this.stack.pop();
    if (frame && frame.children.length > 0) this.stack.at(-1)?.children.push({ type: mark, children: frame.children });
    else this.text += literal + literal;
    this.at += literal.length;
  }

  private open(mark: Mark, literal: string): void {
    this.flush();
    // Only the innermost "[" can start a link.
    const outer = this.stack.findIndex((frame) => frame.mark === mark);
    if (outer !== -1) while (this.stack.length > outer) this.abandon();
    this.stack.push({ mark, literal, children: [] });
    this.at += literal.length;
  }

  private link(): void {
    const open = this.stack.findIndex((frame) => frame.mark === 'link');
    if (open === -1) return this.take(']', 1);
    const target = linkTarget(this.line, this.at + 1);
    this.flush();
    while (this.stack.length - 1 > open) this.abandon();
    const url = target ? safeUrl(unescape(target.url)) : undefined;
    if (!target || url === undefined) {
      this.abandon();
      return this.take(']', 1);
    }
    const frame = this.stack.pop();
    const children = frame && frame.children.length > 0 ? frame.children : [{ type: 'text' as const, text: url }];
    this.stack.at(-1)?.children.push({ type: 'link', url, children });
    this.at = target.end;
  }

  /** The topmost mark was never closed: it becomes text of its parent. */
  private abandon(): void {
    this.flush();
    const frame = this.stack.pop();
    if (!frame) return;
    const around = this.stack.at(-1)?.children;
    around?.push({ type: 'text', text: frame.literal });
    // One by one: there may be more than the arguments a call accepts.
    for (const child of frame.children) around?.push(child);
  }
}

function parseLine(line: string): Inline[] {
  return merge(new LineParser(line).parse());
}

/** Joins adjacent texts. */
function merge(inlines: readonly Inline[]): Inline[] {
  const merged: Inline[] = [];
  for (const inline of inlines) {
    const last = merged.at(-1);
    if (inline.type === 'text' && last?.type === 'text')
      merged[merged.length - 1] = { type: 'text', text: last.text + inline.text };
    else merged.push('children' in inline ? { ...inline, children: merge(inline.children) } : inline);
  }
  return merged;
}

function isWord(char: string): boolean {
  return char !== '' && /[\p{L}\p{N}_]/u.test(char);
}

function isSpace(char: string): boolean {
  return char === '' || char === ' ' || char === '\t';
}

function closingTick(line: string, from: number): number {
  for (let at = from; at < line.length; at += 1) {
    if (line.charAt(at) === '\\') at += 1;
    else if (line.charAt(at) === '`') return at;
  }
  return -1;
}

/** `(https://…)` at `from`; brackets inside the address must balance. Addresses longer than 2,000 characters are text. */
function linkTarget(line: string, from: number): { url: string; end: number } | undefined {
  if (line.charAt(from) !== '(') return undefined;
  let depth = 0;
  for (let at = from; at < Math.min(line.length, from + 2002); at += 1) {
    const char = line.charAt(at);
    if (char === '(' && ++depth > 8) return undefined;
    if (char === ' ' || char === '\t') return undefined;
    else if (char === ')' && --depth === 0) return { url: line.slice(from + 1, at), end: at + 1 };
  }
  return undefined;
}

/** One line as plain text: marks dropped, a link as `label (address)`. */
export function inlinesToPlain(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      if (inline.type === 'text' || inline.type === 'code') return inline.text;
      const inside = inlinesToPlain(inline.children);
      return inline.type === 'link' && inside !== inline.url ? `${inside} (${inline.url})` : inside;
    })
    .join('');
}

function blockToPlain(block: Block): string {
  if (block.type === 'code') return block.text;
  return `${block.type === 'quote' ? QUOTED : ''}${inlinesToPlain(block.children)}`;
}

/** A text as plain text, newlines kept. */
export function markdownToPlain(text: string): string {
  return parseMarkdown(text).map(blockToPlain).join('\n');
}
