import { nameEmojis } from './emoji.ts';
import type { Json, JsonMap } from './json.ts';

const CONTROL = /<(?:[@#!][^<>\n]+|(?:https?|mailto|tel):[^<>\n]+)>/;
const LINK =
  /https?:\/\/[^\s<>]+[^\s<>.,;:!?)]|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|de|app)\b(?:\/[^\s<>]*)?/i;

export const escape = (plain: string): string =>
  plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * What a person typed, as Slack stores it: `& < >` escaped, addresses and host names made links, emojis named. Mentions are
 * given as Slack writes them: `<@U1>`, `<#C1|ops>`, `<!here>`.
 */
export function typed(words: string): string {
  return pieces(words, CONTROL)
    .map(({ piece, isMatch }) => (isMatch ? piece : linked(nameEmojis(piece))))
    .join('');
}

/** What an app sent, as Slack stores it: it escapes what the app did not. */
export function sent(words: string): string {
  return pieces(nameEmojis(words), CONTROL)
    .map(({ piece, isMatch }) =>
      isMatch
        ? piece
        : piece
            .replace(/&(?!amp;|lt;|gt;)/g, '&amp;')
            .replaceAll('<', '&lt;')
            .replaceAll('>', '&gt;'),
    )
    .join('');
}

/** The block that a client creates from typed text. */
export function richText(kept: string): JsonMap {
  const elements = pieces(kept, CONTROL).map(({ piece, isMatch }): Json => {
    if (!isMatch) return { type: 'text', text: unescape(piece) };
    const [target = '', label] = piece.slice(1, -1).split('|');
    if (target.startsWith('@')) return { type: 'user', user_id: target.slice(1) };
    if (target.startsWith('#')) return { type: 'channel', channel_id: target.slice(1) };
    if (target.startsWith('!')) return { type: 'broadcast', range: target.slice(1) };
    return { type: 'link', url: unescape(target), ...(label === undefined ? {} : { text: unescape(label) }) };
  });
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}

export const unescape = (kept: string): string =>
  kept.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

function linked(words: string): string {
  return pieces(words, LINK)
    .map(({ piece, isMatch }) => {
      const kept = escape(piece);
      if (!isMatch) return kept;
      if (/^https?:/i.test(piece)) return `<${kept}>`;
      return piece.includes('@') ? `<mailto:${kept}|${kept}>` : `<http://${kept}|${kept}>`;
    })
    .join('');
}

function pieces(words: string, pattern: RegExp): { readonly piece: string; readonly isMatch: boolean }[] {
  const found: { piece: string; isMatch: boolean }[] = [];
  let rest = words;
  for (let match = pattern.exec(rest); match; match = pattern.exec(rest)) {
    if (match.index > 0) found.push({ piece: rest.slice(0, match.index), isMatch: false });
    found.push({ piece: match[0], isMatch: true });
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest !== '') found.push({ piece: rest, isMatch: false });
  return found;
}
