/** Names of the emojis known here. Slack stores emojis by name: a typed 👀 arrives as `:eyes:`. */
export const EMOJIS: Readonly<Record<string, string>> = {
  '👀': 'eyes',
  '👍': '+1',
  '👎': '-1',
  '✅': 'white_check_mark',
  '❌': 'x',
  '🔥': 'fire',
  '🎉': 'tada',
  '🚨': 'rotating_light',
  '⏳': 'hourglass_flowing_sand',
  '⏰': 'alarm_clock',
  '🔕': 'no_bell',
  '🔔': 'bell',
  '🔇': 'mute',
  '💤': 'zzz',
  '🙏': 'pray',
  '👋': 'wave',
  '🙋': 'raising_hand',
  '🏁': 'checkered_flag',
  '🚀': 'rocket',
  '☕': 'coffee',
  '❤️': 'heart',
  '😀': 'grinning',
  '😂': 'joy',
  '🤔': 'thinking_face',
  '💯': '100',
  '🔴': 'red_circle',
  '🟠': 'large_orange_circle',
  '🟡': 'large_yellow_circle',
  '🟢': 'large_green_circle',
  '🔵': 'large_blue_circle',
  '⚪': 'white_circle',
  '⚫': 'black_circle',
  '⚠️': 'warning',
  '🛑': 'octagonal_sign',
  '➕': 'heavy_plus_sign',
  '➖': 'heavy_minus_sign',
  '🕐': 'clock1',
  '📌': 'pushpin',
  '🔁': 'repeat',
  '👤': 'bust_in_silhouette',
};

const BY_NAME: ReadonlyMap<string, string> = new Map(Object.entries(EMOJIS).map(([emoji, name]) => [name, emoji]));
const ALIASES: Readonly<Record<string, string>> = { thumbsup: '+1', thumbsdown: '-1', tick: 'white_check_mark' };

export function emojiOf(name: string): string | undefined {
  return BY_NAME.get(name.replace(/::skin-tone-[2-6]$/, ''));
}

/** Slack's name for it; undefined: Slack answers `invalid_name`. */
export function canonicalName(name: string): string | undefined {
  const bare = name.replace(/^:|:$/g, '');
  const [base = '', tone] = bare.split('::');
  const known = ALIASES[base] ?? base;
  if (!/^[a-z0-9_+'-]{1,100}$/.test(known) || (tone !== undefined && !/^skin-tone-[2-6]$/.test(tone))) return undefined;
  return tone === undefined ? known : `${known}::${tone}`;
}

export function nameEmojis(text: string): string {
  return Object.entries(EMOJIS).reduce((named, [emoji, name]) => named.replaceAll(emoji, `:${name}:`), text);
}
