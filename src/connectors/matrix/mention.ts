import { foldName, nameAt, nameEnd } from '../../chat/name.ts';

export interface Myself {
  readonly userId: string;
  readonly displayName: string | undefined;
}

export interface Mentioning {
  /** Marked by the client: a link to the account, its whole id, or `m.mentions`. */
  readonly mentioned: boolean;
  /** The text without the mention; links to other accounts are their names. */
  readonly text: string;
  /** Names of the account that the text has. */
  readonly names: readonly string[];
}

/** Stands for a link to the bot while the text is read; `clean` has taken it out of what people wrote. */
const HERE = '\u0000';
const AFTER = /^($|[\s:,.!?])/;

/**
 * Finds a mention of the bot and takes it out. Clients write one as a link (`[Bell](https://matrix.to/#/@bell:…)`,
 * `[Bell](<…>)`, `"Bell" (…)`), as a name with a pill, or only into `m.mentions`. What begins with a name that nobody marked
 * is left as it is: the core knows whether it is a word of a command. Pure.
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
  // What is on a line with a mention is said to the bot.
  const at = lines.findIndex((line) => line.includes(HERE));
  if (at >= 0) {
    const text = lines.slice(at).join('\n');
    const [before = '', ...after] = text.split(HERE);
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

/** Longest first, so that `Bell Ops` is not taken for `Bell`. */
function namesOf({ userId, displayName }: Myself): string[] {
  const local = userId.slice(1).split(':', 1)[0] ?? '';
  return [...new Set([local, displayName ?? ''].map((name) => name.trim()))]
    .filter((name) => name !== '')
    .toSorted((a, b) => b.length - a.length);
}

const URL = String.raw`(?:https?:\/\/|matrix:)[^\s<>()"]{1,600}`;
/** `[label](url)`, `[label](<url>)`, `"label" (url)`, `(url)`, `url`; a label has no bracket that is not escaped. */
const LINK = new RegExp(
  String.raw`\[((?:\\.|[^[\]\\\n]){0,300})\]\(<?(${URL})>?\)|"([^"\n]{0,300})" \(<?(${URL})>?\)|\(<?(${URL})>?\)|<?(${URL})>?`,
  'g',
);

/** Links to accounts, and no others: to the bot as `HERE`, together with the name before it, to others as their label. */
function linksResolved(body: string, { userId }: Myself, names: readonly string[]): string {
  if (!/#\/|matrix:/i.test(body)) return body;
  const linked = body.replace(LINK, (whole: string, ...groups: (string | undefined)[]) => {
    const [inBrackets, url1, quoted, url2, url3, url4] = groups;
    const account = accountOf(url1 ?? url2 ?? url3 ?? url4 ?? '');
    if (account === userId) return HERE;
    const label = inBrackets ?? quoted;
    return account === undefined || label === undefined || label === '' ? whole : label.replace(/\\(.)/g, '$1');
  });
  // `Bell (https://…)`: the name belongs to the link.
  return names.reduce((text, name) => {
    const at = text.indexOf(` ${HERE}`);
    const from = at - name.length;
    return from >= 0 && (from === 0 || /\s/.test(text.charAt(from - 1))) && nameEnd(text, foldName(name), from) === at
      ? text.slice(0, from) + text.slice(at + 1)
      : text;
  }, linked);
}

/**
 * Whose account a link leads to: `https://matrix.to/#/@ann:example.org`, a web client's own `…/#/user/@ann:example.org`, or
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
  // What an older client quotes before a reply names whoever said it.
  const said = formatted.slice(Math.max(0, formatted.lastIndexOf('</mx-reply>')));
  const links = said.matchAll(/href\s*=\s*["']?([^"'\s<>]{1,600})/gi);
  return [...links].some(([, url = '']) => accountOf(url.replaceAll('&amp;', '&')) === userId);
}

/** Takes away the quoted lines that older clients put before a reply (specification v1.1 to v1.12, "Fallbacks for rich replies"). */
export function stripReplyFallback(body: string, formatted: string | undefined): string {
  if (!formatted?.includes('<mx-reply>') && !/^> (\* )?<@[^>\n]*>/.test(body)) return body;
  const lines = body.split('\n');
  let from = 0;
  while (lines[from]?.startsWith('> ') || lines[from] === '>') from += 1;
  if (from > 0 && lines[from] === '') from += 1;
  return lines.slice(from).join('\n');
}
