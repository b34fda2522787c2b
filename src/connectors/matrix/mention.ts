import { foldName, nameAt, nameEnd } from '../../chat/name.ts';

export interface Myself {
  readonly userId: string;
  readonly displayName: string | undefined;
}

export interface Mentioning {
  /** Marked by the client, as a link to the account, its full id, or in `m.mentions`. */
  readonly mentioned: boolean;
  /** The text without the mention; links to other accounts are replaced by their names. */
  readonly text: string;
  /** Names of the bot's account that occur in the text. */
  readonly names: readonly string[];
}

/** Placeholder for a link to the bot; `clean` removes this character from people's text. */
const MENTION = '\u0000';
const AFTER = /^($|[\s:,.!?])/;

/**
 * Finds a mention of the bot and removes it. Clients write it as a link (`[Bell](https://matrix.to/#/@bell:…)`, `[Bell](<…>)`,
 * `"Bell" (…)`), as a name with a pill, or only in `m.mentions`. A name that is not marked is kept: the core decides whether it is part
 * of a command. Pure.
 */
export function readMention(
  body: string,
  formatted: string | undefined,
  userIds: readonly string[],
  myself: Myself,
): Mentioning {
  const names = namesOf(myself);
  const linked = linksResolved(body, myself, names);
  const lines = linked.split('\n');
  // The line with the mention is for the bot.
  const at = lines.findIndex((line) => line.includes(MENTION));
  if (at >= 0) {
    const text = lines.slice(at).join('\n');
    const [before = '', ...after] = text.split(MENTION);
    return { mentioned: true, text: joined(before, after.join('')), names: [] };
  }
  const text = linked.trimStart();
  const pill = isPill(formatted, myself);
  const own = [myself.userId, ...(pill ? names.flatMap((name) => [`@${name}`, name]) : [])].map(foldName);
  for (const name of own) {
    const end = nameEnd(text, name);
    if (end !== undefined && /^($|[\s:,])/.test(text.slice(end)))
      return { mentioned: true, text: joined('', text.slice(end)), names: [] };
  }
  const called = names.filter((name) => nameAt(text, foldName(name)) || nameAt(text, foldName(`@${name}`)));
  const mentioned = pill || userIds.includes(myself.userId);
  if (!mentioned) return { mentioned, text: linked, names: called };
  for (const name of own.concat(names.map(foldName))) {
    const place = nameAt(text, name);
    if (place && place.from > 0 && AFTER.test(text.slice(place.to)))
      return { mentioned, text: joined(text.slice(0, place.from), text.slice(place.to)), names: [] };
  }
  return { mentioned, text, names: called };
}

function joined(before: string, after: string): string {
  return before.trim() === '' ? after.replace(/^[\s:,]+/, '') : (before.trimEnd() + after).trim();
}

/** Longest first, so that `Bell Ops` does not match as `Bell`. */
function namesOf({ userId, displayName }: Myself): string[] {
  const local = userId.slice(1).split(':', 1)[0] ?? '';
  return [...new Set([local, displayName ?? ''].map((name) => name.trim()))]
    .filter((name) => name !== '')
    .toSorted((a, b) => b.length - a.length);
}

const URL = String.raw`(?:https?:\/\/|matrix:)[^\s<>()"]{1,600}`;
/** `[label](url)`, `[label](<url>)`, `"label" (url)`, `(url)`, `url`; a label has no unescaped brackets. */
const LINK = new RegExp(
  String.raw`\[((?:\\.|[^[\]\\\n]){0,300})\]\(<?(${URL})>?\)|"([^"\n]{0,300})" \(<?(${URL})>?\)|\(<?(${URL})>?\)|<?(${URL})>?`,
  'g',
);

/** Replaces links to accounts: to the bot by `MENTION`, together with a name before it; to others by their label. */
function linksResolved(body: string, { userId }: Myself, names: readonly string[]): string {
  if (!/#\/|matrix:/i.test(body)) return body;
  const linked = body.replace(LINK, (whole: string, ...groups: (string | undefined)[]) => {
    const [inBrackets, url1, quoted, url2, url3, url4] = groups;
    const account = accountOf(url1 ?? url2 ?? url3 ?? url4 ?? '');
    if (account === userId) return MENTION;
    const label = inBrackets ?? quoted;
    return account === undefined || label === undefined || label === '' ? whole : label.replace(/\\(.)/g, '$1');
  });
  // `Bell (https://…)`: the name belongs to the link.
  return names.reduce((text, name) => {
    const at = text.indexOf(` ${MENTION}`);
    const from = at - name.length;
    return from >= 0 && (from === 0 || /\s/.test(text.charAt(from - 1))) && nameEnd(text, foldName(name), from) === at
      ? text.slice(0, from) + text.slice(at + 1)
      : text;
  }, linked);
}

/**
 * The account that a link refers to: `https://matrix.to/#/@ann:example.org`, a web client's `…/#/user/@ann:example.org`, or
 * `matrix:u/ann:example.org` (specification, "URIs").
 */
function accountOf(url: string): string | undefined {
  const [, written, local] =
    /^(?:https?:.*#\/(?:user\/)?((?:@|%40)[^?/]+)|matrix:u(?:ser)?\/([^?/]+))/i.exec(url) ?? [];
  try {
    if (written !== undefined) return decodeURIComponent(written);
    return local === undefined ? undefined : `@${decodeURIComponent(local)}`;
  } catch {
    return undefined;
  }
}

function isPill(formatted = '', { userId }: Myself): boolean {
  // The reply quote of an older client contains a pill for its author.
  const said = formatted.slice(Math.max(0, formatted.lastIndexOf('</mx-reply>')));
  const links = said.matchAll(/href\s*=\s*["']?([^"'\s<>]{1,600})/gi);
  return [...links].some(([, url = '']) => accountOf(url.replaceAll('&amp;', '&')) === userId);
}

/** Removes the quoted lines that older clients put before a reply (specification v1.1 to v1.12, "Fallbacks for rich replies"). */
export function stripReplyFallback(body: string, formatted: string | undefined): string {
  if (!formatted?.includes('<mx-reply>') && !/^> (\* )?<@[^>\n]*>/.test(body)) return body;
  const lines = body.split('\n');
  let from = 0;
  while (lines[from]?.startsWith('> ') || lines[from] === '>') from += 1;
  if (from > 0 && lines[from] === '') from += 1;
  return lines.slice(from).join('\n');
}
