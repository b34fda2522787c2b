import { cut } from '../chat/cut.ts';
/** How a line was addressed to the bot. */
export type Addressing =
  | { readonly to: 'nobody' }
  /** By mention, by name or in a direct message: unknown words get an answer. `prefix`: by `!`, where they do not. */
  | { readonly to: 'bot'; readonly by: 'mention' | 'name' | 'direct' | 'prefix'; readonly text: string };

export interface Line {
  readonly text: string;
  readonly mentionsBot: boolean;
  readonly direct: boolean;
}

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Longer than any command; what is behind it is a paste. */
const MAX_LINE = 4100;
const AROUND = new Set([' ', '\t', '\n', '\r', '\u00a0', '.', ':', ',', ';']);

/**
 * Spare spaces, a trailing full stop or colon, and invisible characters do not matter. Walked from both ends: a regular
 * expression that looks for an end of dots takes seconds over 30 kB of them.
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
 * Reads `@name …`, `name: …`, `!…`, a mention anywhere, or anything in a direct message. A mention or name on a later
 * line counts too, and then that line is the command. Pure.
 */
export function addressed(line: Line, names: readonly string[]): Addressing {
  const text = line.text.replace(CONTROL, '');
  const named = byName(text, names);
  if (named !== undefined) return { to: 'bot', by: 'name', text: tidy(named) };
  const first = text.trimStart();
  if (first.startsWith('!')) return { to: 'bot', by: 'prefix', text: tidy(first.slice(1).split('\n', 1)[0] ?? '') };
  if (line.mentionsBot) return { to: 'bot', by: 'mention', text: tidy(mentionedLine(text)) };
  if (line.direct) return { to: 'bot', by: 'direct', text: tidy(first.split('\n', 1)[0] ?? '') };
  return { to: 'nobody' };
}

/** The first line that says anything besides the (already removed) mention. */
function mentionedLine(text: string): string {
  return text.split('\n').find((one) => tidy(one) !== '') ?? '';
}

function byName(text: string, names: readonly string[]): string | undefined {
  const lower = names.map((name) => name.toLowerCase()).filter((name) => name !== '');
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    for (const name of lower) {
      const begins = trimmed.toLowerCase();
      // "watchbell: help", "watchbell, help", "watchbell help" and the same with @.
      for (const form of [`@${name}`, name]) {
        if (!begins.startsWith(form)) continue;
        const rest = trimmed.slice(form.length);
        if (rest === '' || /^[\s:,]/.test(rest)) return rest;
      }
      const anywhere = begins.indexOf(`@${name}`);
      if (
        anywhere > 0 &&
        /\s/.test(begins[anywhere - 1] ?? '') &&
        /^($|[\s:,.!?])/.test(begins.slice(anywhere + name.length + 1))
      )
        return `${trimmed.slice(0, anywhere)} ${trimmed.slice(anywhere + name.length + 1).replace(/^[:,.]/, '')}`.trim();
    }
  }
  return undefined;
}
