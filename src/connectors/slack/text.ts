/** Looks up names for ids in a text. */
export interface Names {
  user(id: string): Promise<string>;
}

export interface PlainText {
  readonly text: string;
  readonly mentionsBot: boolean;
}

/** A text can contain any number of ids; beyond this many they stay ids. */
const MAX_NAMES = 20;
const TOKEN = /<([^<>\n]+)>/g;
const USER = /^@([UW][A-Z0-9]+)(?:\|(.*))?$/;

/** Restores what was typed: links, mentions and escapes become text again, and mentions of the bot are removed. */
export async function plainText(text: string, botUserId: string, names: Names): Promise<PlainText> {
  const mentioned = new Map<string, string>();
  for (const [, token = ''] of text.matchAll(TOKEN)) {
    const [, id = '', label] = USER.exec(token) ?? [];
    if (id === '' || id === botUserId || mentioned.size >= MAX_NAMES) continue;
    if (!mentioned.has(id)) mentioned.set(id, label || (await names.user(id)));
  }
  let mentionsBot = false;
  const plain = text.replace(TOKEN, (_, token: string) => {
    const [, id] = USER.exec(token) ?? [];
    if (id === undefined) return shown(token);
    if (id !== botUserId) return `@${mentioned.get(id) ?? id}`;
    mentionsBot = true;
    return '';
  });
  return { text: unescape(mentionsBot ? plain.trim() : plain), mentionsBot };
}

/** `<#C1|ops>`, `<!here>`, `<!subteam^S1|@sre>`, `<!date^…|at noon>`, `<https://…|label>`: the label is what was typed. */
function shown(token: string): string {
  const at = token.indexOf('|');
  const target = at === -1 ? token : token.slice(0, at);
  const label = at === -1 ? '' : token.slice(at + 1);
  if (target.startsWith('#')) return `#${label || target.slice(1)}`;
  if (target.startsWith('!')) return label || `@${target.slice(1).split('^').at(-1)}`;
  return label || target.replace(/^(mailto|tel):/, '');
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
