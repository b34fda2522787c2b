import { readFileSync } from 'node:fs';

/** Slack's names of emojis, from emoji-datasource 16 (MIT, github.com/iamcal/emoji-data): one emoji and its names per line. */
const NAMES = new URL('emoji.txt', import.meta.url);

interface Table {
  readonly names: ReadonlyMap<string, string>;
  readonly emojis: ReadonlyMap<string, string>;
}

let read: Table | undefined;

function table(): Table {
  if (read) return read;
  const names = new Map<string, string>();
  const emojis = new Map<string, string>();
  for (const line of readFileSync(NAMES, 'utf8').trimEnd().split('\n')) {
    const [emoji = '', ...known] = line.split(' ');
    names.set(bare(emoji), known[0] ?? '');
    for (const name of known) emojis.set(name, emoji);
  }
  return (read = { names, emojis });
}

/** Emojis are written with and without the variation selector. */
const bare = (emoji: string): string => emoji.replaceAll('\ufe0f', '');

/** `white_check_mark` for ✅; undefined: Slack has no such emoji. */
export function nameOfEmoji(emoji: string): string | undefined {
  return table().names.get(bare(emoji));
}

/** ✅ for `white_check_mark`, whatever the skin tone; `:party-parrot:` for a custom emoji. */
export function emojiOfName(name: string): string {
  const [plain = ''] = name.split('::');
  return table().emojis.get(plain) ?? `:${plain}:`;
}
