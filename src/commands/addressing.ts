import { cut } from '../chat/cut.ts';
import { foldName, nameAt, nameEnd } from '../chat/name.ts';

/** Whether and how a message addresses the bot. */
export type Addressing =
  | { readonly to: 'nobody' }
  /** By mention, by name or in a direct message, where unknown commands are answered; `prefix`: by `!`, where they are not. */
  | {
      readonly to: 'bot';
      readonly by: 'mention' | 'name' | 'direct' | 'prefix';
      readonly text: string;
      /** The line including the name, when that has neither `@` nor `:` and may be part of the sentence. */
      readonly whole?: string;
    };

export interface Line {
  readonly text: string;
  readonly mentionsBot: boolean;
  readonly direct: boolean;
}

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Longer than any command; the rest must be pasted text. */
const MAX_LINE = 4100;
const AROUND = new Set([' ', '\t', '\n', '\r', '\u00a0', '.', ':', ',', ';']);

/**
 * Removes extra spaces, a trailing full stop or colon, and invisible characters. Walks from both ends: a regular expression for
 * trailing dots takes seconds on 30 kB of them.
 */
export function tidy(text: string): string {
  const line = cut(text, MAX_LINE).replace(CONTROL, '');
  let from = 0;
  let to = line.length;
  while (from < to && AROUND.has(line[from] ?? '') && line[from] !== '.' && line[from] !== ';') from++;
  while (to > from && AROUND.has(line[to - 1] ?? '')) to--;
  return line.slice(from, to).trim();
}

/**
 * Recognises `@name …`, `name: …`, `!…`, a mention anywhere, and anything in a direct message. With a mention or name on a later
 * line, that line is the command. Pure.
 */
export function addressed(line: Line, names: readonly string[]): Addressing {
  const text = line.text.replace(CONTROL, '');
  const named = byName(text, names);
  if (named) return { to: 'bot', by: 'name', ...named };
  const first = text.trimStart();
  if (first.startsWith('!')) return { to: 'bot', by: 'prefix', text: tidy(first.slice(1).split('\n', 1)[0] ?? '') };
  if (line.mentionsBot) return { to: 'bot', by: 'mention', text: tidy(mentionedLine(text)) };
  if (line.direct) return { to: 'bot', by: 'direct', text: firstLine(text) };
  return { to: 'nobody' };
}

export function firstLine(text: string): string {
  return tidy(text.trimStart().split('\n', 1)[0] ?? '');
}

/** The first line with any text besides the mention, which is already removed. */
function mentionedLine(text: string): string {
  return text.split('\n').find((one) => tidy(one) !== '') ?? '';
}

function byName(text: string, names: readonly string[]): { text: string; whole?: string } | undefined {
  const forms = names
    .filter((name) => name !== '')
    .map((name) => ({ marked: foldName(`@${name}`), bare: foldName(name) }));
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    for (const { marked, bare } of forms) {
      // "watchbell: help", "watchbell, help", "watchbell help" and the same with @.
      for (const form of [marked, bare]) {
        const end = nameEnd(trimmed, form);
        const rest = end === undefined ? undefined : trimmed.slice(end);
        if (rest === undefined || !/^($|[\s:,])/.test(rest)) continue;
        const isBare = form === bare && !/^\s*:/.test(rest);
        return { text: tidy(rest), ...(isBare && { whole: tidy(trimmed) }) };
      }
      const inside = trimmed.includes('@') ? nameAt(trimmed, marked) : undefined;
      if (!inside || !/^($|[\s:,.!?])/.test(trimmed.slice(inside.to))) continue;
      const after = trimmed.slice(inside.to).replace(/^[:,.]/, '');
      return { text: tidy(`${trimmed.slice(0, inside.from).trimEnd()} ${after.trimStart()}`) };
    }
  }
  return undefined;
}
