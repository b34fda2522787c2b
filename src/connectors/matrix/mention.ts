export interface Myself {
  readonly userId: string;
  readonly displayName: string | undefined;
}

export interface Mentioning {
  readonly mentioned: boolean;
  /** The text without the mention. */
  readonly text: string;
}

const END = /^($|[\s:,])/;

/** Finds and removes a mention of the bot: marked by the client (`m.mentions`, a pill), or its name at the beginning. Pure. */
export function readMention(
  body: string,
  formatted: string | undefined,
  userIds: readonly string[],
  myself: Myself,
): Mentioning {
  const marked = userIds.includes(myself.userId) || pills(formatted).includes(myself.userId);
  const text = body.trimStart();
  const lower = text.toLowerCase();
  const names = namesOf(myself);
  for (const name of names) {
    if (lower.startsWith(name) && END.test(text.slice(name.length)))
      return { mentioned: true, text: text.slice(name.length).replace(/^[\s:,]+/, '') };
  }
  if (!marked) return { mentioned: false, text: body };
  for (const name of names) {
    const at = lower.indexOf(name);
    const before = at > 0 ? lower.charAt(at - 1) : '';
    if (at <= 0 || !/\s/.test(before) || !/^($|[\s:,.!?])/.test(lower.slice(at + name.length))) continue;
    return { mentioned: true, text: (text.slice(0, at).trimEnd() + text.slice(at + name.length)).trim() };
  }
  return { mentioned: true, text };
}

/** Longest first, so that `@bell:example.org` is not taken for `@bell`. */
function namesOf({ userId, displayName }: Myself): string[] {
  const local = userId.slice(1).split(':', 1)[0] ?? '';
  const all = [userId, `@${local}`, local, ...(displayName ? [displayName, `@${displayName}`] : [])];
  return [...new Set(all.map((name) => name.trim().toLowerCase()))]
    .filter((name) => name !== '' && name !== '@')
    .toSorted((a, b) => b.length - a.length);
}

function pills(formatted: string | undefined): string[] {
  if (formatted === undefined) return [];
  return [...formatted.matchAll(/https:\/\/matrix\.to\/#\/([^"'?\s<>]{1,600})/g)].map(([, id = '']) => {
    try {
      return decodeURIComponent(id);
    } catch {
      return id;
    }
  });
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
