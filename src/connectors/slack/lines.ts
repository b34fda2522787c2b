import { clean, cleanLine, parseMarkdown, safeUrl, type Inline } from '../../chat/markdown.ts';
import type { Message, Tone } from '../../chat/message.ts';
import type { JsonObject } from '../connector.ts';

/** An element of a rich text block. Slack never interprets its text as markup or as a mention. */
export type Element = JsonObject & { readonly type: 'text' | 'link' | 'user' };

/** One line of the message; each can be shown separately. */
export interface Line {
  readonly kind: 'line' | 'quote' | 'code';
  readonly elements: readonly Element[];
  /** For clients that show only text. */
  readonly plain: string;
}

const SIGNS: Readonly<Record<Tone, string>> = { critical: '🔴', warning: '🟠', info: '🔵', ok: '🟢', neutral: '' };
const USER = /^[UW][A-Z0-9]{1,30}$/;
/** Limited so that a line always fits a block. */
const MENTIONS_PER_LINE = 20;

/** The message as lines, without actions, image and files. Pure. */
export function linesOf(message: Message): Line[] {
  const lines: Line[] = [];
  if (message.title !== undefined) lines.push(titleLine(message.title, message.tone ?? 'neutral'));
  if (message.text !== undefined && message.text !== '')
    for (const block of parseMarkdown(message.text)) {
      if (block.type === 'code') lines.push(...codeLines(block.text));
      else
        lines.push(
          lineOf(
            block.children.flatMap((inline) => elementsOf(inline, {})),
            block.type,
          ),
        );
    }
  for (const { label, value } of message.fields ?? []) {
    const [first = '', ...more] = clean(value).split('\n');
    lines.push(lineOf([textElement(`${cleanLine(label)}:`, { bold: true }), textElement(` ${first}`)]));
    lines.push(...more.map((line) => lineOf([textElement(line)], 'quote')));
  }
  if (message.code !== undefined) lines.push(...codeLines(clean(message.code)));
  const mentions = message.mentions ?? [];
  for (let from = 0; from < mentions.length; from += MENTIONS_PER_LINE)
    lines.push(mentionLine(mentions.slice(from, from + MENTIONS_PER_LINE)));
  if (message.links && message.links.length > 0) lines.push(linkLine(message.links));
  return lines.length > 0 ? lines : [plainLine('…')];
}

export function plainLine(text: string): Line {
  return lineOf([textElement(text)]);
}

type Style = { readonly bold?: true; readonly italic?: true; readonly code?: true };

export function textElement(text: string, style: Style = {}): Element {
  return { type: 'text', text, ...(Object.keys(style).length > 0 && { style }) };
}

function lineOf(elements: readonly Element[], kind: Line['kind'] = 'line'): Line {
  // Slack rejects elements without text.
  const shown = elements.filter((element) => element['text'] !== '');
  return { kind, elements: shown, plain: shown.map(plainOf).join('') };
}

/** The text of an element for clients that show only text. */
export function plainOf(element: Element): string {
  const { text, url, user_id: user } = element;
  if (element.type === 'user') return `@${String(user)}`;
  if (element.type === 'link')
    return typeof text === 'string' && text !== url ? `${text} (${String(url)})` : String(url);
  return String(text);
}

function elementsOf(inline: Inline, style: Style): Element[] {
  if (inline.type === 'text') return [textElement(inline.text, style)];
  if (inline.type === 'code') return [textElement(inline.text, { ...style, code: true })];
  if (inline.type !== 'link')
    return inline.children.flatMap((child) => elementsOf(child, { ...style, [inline.type]: true }));
  const label = inline.children
    .flatMap((child) => elementsOf(child, {}))
    .map(plainOf)
    .join('');
  return [linkElement(inline.url, label, style)];
}

function linkElement(url: string, text: string, style: Style = {}): Element {
  return { type: 'link', url, ...(text !== '' && { text }), ...(Object.keys(style).length > 0 && { style }) };
}

function titleLine(title: string, tone: Tone): Line {
  const text = cleanLine(title).trim();
  const sign = SIGNS[tone];
  // A title that begins with an emoji keeps it.
  const signed = sign === '' || /^\p{Extended_Pictographic}/u.test(text) ? text : `${sign} ${text}`;
  return lineOf([textElement(signed, { bold: true })]);
}

function codeLines(text: string): Line[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => lineOf([textElement(line)], 'code'));
}

function mentionLine(mentions: NonNullable<Message['mentions']>): Line {
  const people = mentions.map(({ accountId, name }): Element =>
    USER.test(accountId) ? { type: 'user', user_id: accountId } : textElement(cleanLine(name || accountId)),
  );
  return lineOf(people.flatMap((person, index) => (index === 0 ? [person] : [textElement(', '), person])));
}

function linkLine(links: NonNullable<Message['links']>): Line {
  return lineOf(
    links.flatMap(({ label, url }, index): Element[] => {
      const href = safeUrl(url);
      const text = cleanLine(label);
      const link = href ? linkElement(href, text) : textElement(`${text} (${cleanLine(url)})`);
      return index === 0 ? [link] : [textElement(' · '), link];
    }),
  );
}
