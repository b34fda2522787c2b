import { clean, cleanLine, markdownToPlain, safeUrl } from '../../chat/markdown.ts';
import type { Message, Tone } from '../../chat/message.ts';

const COLOURS: Readonly<Record<Tone, string>> = {
  critical: '\u001b[31m',
  warning: '\u001b[33m',
  info: '\u001b[34m',
  ok: '\u001b[32m',
  neutral: '\u001b[90m',
};
const BOLD = '\u001b[1m';
const QUIET = '\u001b[90m';
const PLAIN = '\u001b[0m';

/** A message as lines for a terminal. Control characters in its text are removed. */
export function printMessage(message: Message, isColoured: boolean, remark?: string): string {
  const { title, text, tone, fields = [], links = [], code, mentions = [], actions = [] } = message;
  const paint = (words: string, colour: string): string => (isColoured ? `${colour}${words}${PLAIN}` : words);
  const rows: string[] = [];
  if (remark !== undefined) rows.push(paint(`(${remark})`, QUIET));
  if (mentions.length > 0) rows.push(mentions.map(({ name }) => `@${cleanLine(name)}`).join(' '));
  if (title !== undefined) rows.push(paint(cleanLine(title), BOLD));
  if (text !== undefined) rows.push(...markdownToPlain(text).split('\n'));
  for (const { label, value } of fields) rows.push(`${cleanLine(label)}: ${clean(value).replaceAll('\n', '\n  ')}`);
  if (code !== undefined)
    rows.push(
      ...clean(code)
        .split('\n')
        .map((row) => `  ${row}`),
    );
  for (const { label, url } of links) rows.push(`${cleanLine(label)}: ${safeUrl(url) ?? cleanLine(url)}`);
  if (actions.length > 0)
    rows.push(paint(`say: ${actions.map(({ command }) => cleanLine(command)).join(' · ')}`, QUIET));

  const edge = tone === undefined ? '' : `${paint('▌', COLOURS[tone])} `;
  return rows.map((row) => `${edge}${row}`.trimEnd()).join('\n');
}
