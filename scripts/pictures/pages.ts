import { readFileSync } from 'node:fs';
import { escapeHtml } from '../../src/chat/html.ts';
import type { ShownMessage as MatrixMessage } from '../../test/fakes/matrix/types.ts';
import { list, map, text, type Json } from '../../test/fakes/slack/json.ts';
import type { ShownMessage as SlackMessage } from '../../test/fakes/slack/types.ts';

/** One message of a room, as a client shows it. */
interface Shown {
  readonly name: string;
  readonly isBot: boolean;
  readonly at: number;
  readonly html: string;
  readonly reactions: readonly { readonly emoji: string; readonly count: number; readonly isMine: boolean }[];
  /** What is shown of the thread below it. */
  readonly replies: readonly { readonly name: string; readonly html: string }[];
}

const font = (weight: string): string => {
  const path = new URL(import.meta.resolve(`@expo-google-fonts/noto-sans/${weight}/NotoSans_${weight}.ttf`));
  return `url(data:font/ttf;base64,${readFileSync(path).toString('base64')})`;
};

const STYLE = `
  @font-face { font-family: Sans; font-weight: 400; src: ${font('400Regular')}; }
  @font-face { font-family: Sans; font-weight: 700; src: ${font('700Bold')}; }
  * { box-sizing: border-box; margin: 0; }
  body { font: 15px/1.46 Sans, "Noto Color Emoji", sans-serif; color: var(--ink); background: white; }
  main { width: 540px; padding-bottom: 14px; border: 1px solid var(--line); border-radius: 10px; background: white; overflow: hidden; }
  header { padding: 11px 20px; border-bottom: 1px solid var(--line); font-weight: 700; }
  article { display: flex; gap: 11px; padding: 13px 20px 0; }
  article > :last-child { flex: 1; min-width: 0; }
  .face { flex: none; width: 36px; height: 36px; border-radius: var(--face); display: grid; place-items: center; color: white; font-weight: 700; }
  .who { font-weight: 700; }
  .tag { margin-left: 5px; padding: 1px 4px; border-radius: 3px; background: var(--soft); color: var(--faint); font-size: 10px; }
  time { margin-left: 7px; color: var(--faint); font-size: 12px; }
  blockquote { margin: 4px 0; padding-left: 11px; border-left: 4px solid var(--quote); color: var(--quoted); }
  code { padding: 1px 5px; border-radius: 4px; background: var(--soft); color: var(--code); font: 13px "DejaVu Sans Mono", monospace; }
  a { color: var(--link); text-decoration: none; }
  .row { display: flex; gap: 6px; margin-top: 7px; }
  .reaction { padding: 1px 9px; border: 1px solid var(--line); border-radius: 12px; background: var(--soft); font-size: 13px; }
  .reaction.mine { border-color: var(--link); background: var(--mine); }
  button { padding: 5px 13px; border: 1px solid #bbb; border-radius: 8px; background: white; color: var(--ink); font: 700 13px Sans, "Noto Color Emoji"; }
  .replies { margin-top: 8px; padding: 6px 11px; border: 1px solid var(--line); border-radius: 8px; font-size: 13px; color: var(--faint); }
  .replies b { color: var(--ink); }`;

const LOOKS = {
  matrix:
    '--ink: #1b1d22; --faint: #656d77; --line: #e1e6ec; --soft: #f0f2f5; --mine: #e3f7f0; --link: #0b6e5a; --code: #1b1d22; --quote: #cdd3da; --quoted: #4c5560; --face: 50%;',
  slack:
    '--ink: #1d1c1d; --faint: #616061; --line: #dddddd; --soft: #f2f2f2; --mine: #e7f2f9; --link: #1264a3; --code: #c01343; --quote: #dddddd; --quoted: #1d1c1d; --face: 8px;',
};

function page(look: keyof typeof LOOKS, title: string, messages: readonly Shown[]): string {
  return `<!doctype html><meta charset="utf-8"><style>:root { ${LOOKS[look]} } ${STYLE}</style><main><header>${title}</header>${messages.map((one) => article(look === 'slack' ? '<span class="tag">APP</span>' : '', one)).join('')}</main>`;
}

function article(tag: string, { name, isBot, at, html, reactions, replies }: Shown): string {
  const face = `<div class="face" style="background: ${isBot ? '#3d5a80' : '#8f5aa8'}">${name.slice(0, 1)}</div>`;
  const when = new Date(at).toISOString().slice(11, 16);
  const head = `<span class="who">${name}</span>${isBot ? tag : ''}<time>${when}</time>`;
  const pills = reactions.map(
    ({ emoji, count, isMine }) => `<span class="reaction${isMine ? ' mine' : ''}">${emoji} ${count}</span>`,
  );
  const thread = replies.map((reply) => `<div class="replies"><b>${reply.name}</b> ${reply.html}</div>`);
  const row = pills.length > 0 ? `<div class="row">${pills.join('')}</div>` : '';
  return `<article>${face}<div><div>${head}</div>${html}${row}${thread.join('')}</div></article>`;
}

/** The `formatted_body` of each message, as a client that allows what the specification allows. */
export function matrixPage(messages: readonly MatrixMessage[], nameOf: (sender: string) => string): string {
  const htmlOf = ({ html, text: plain }: MatrixMessage): string =>
    (html ?? escapeHtml(plain).replaceAll('\n', '<br>')).replaceAll(
      /<font data-mx-color="(#[0-9a-f]{6})">/g,
      '<font color="$1">',
    );
  const shown = messages
    .filter(({ thread }) => thread === null)
    .map((message): Shown => {
      const byEmoji = Map.groupBy(message.reactions, ({ emoji }) => emoji);
      return {
        ...{ name: nameOf(message.sender), isBot: nameOf(message.sender) === 'Watchbell', at: message.at },
        html: htmlOf(message),
        reactions: [...byEmoji].map(([emoji, all]) => ({
          ...{ emoji, count: all.length },
          isMine: all.some(({ sender }) => nameOf(sender) !== 'Watchbell'),
        })),
        replies: messages
          .filter(({ thread }) => thread === message.id)
          .map((reply) => ({ name: nameOf(reply.sender), html: htmlOf(reply) })),
      };
    });
  return page('matrix', '#ops:example.org', shown);
}

/** The blocks of each message. */
export function slackPage(messages: readonly SlackMessage[]): string {
  const htmlOf = ({ blocks }: SlackMessage): string => blocks.map(blockHtml).join('');
  const nameOf = ({ botId }: SlackMessage): string => (botId === null ? 'Ann Li' : 'Watchbell');
  const shown = messages
    .filter(({ thread }) => thread === null)
    .map((message): Shown => ({
      ...{ name: nameOf(message), isBot: message.botId !== null, at: message.at, html: htmlOf(message) },
      reactions: [],
      replies: messages
        .filter(({ thread }) => thread === message.ts)
        .map((reply) => ({ name: nameOf(reply), html: htmlOf(reply) })),
    }));
  return page('slack', '# ops', shown);
}

function blockHtml(block: Json): string {
  const { type, elements } = map(block);
  if (type === 'actions')
    return `<div class="row">${list(elements)
      .map((one) => `<button>${escapeHtml(text(map(map(one)['text'])['text']))}</button>`)
      .join('')}</div>`;
  if (type !== 'rich_text') throw new Error(`no picture of a block of type ${String(type)}`);
  return list(elements)
    .map((element) => {
      const inner = list(map(element)['elements']).map(inlineHtml).join('').replace(/\n$/, '').replaceAll('\n', '<br>');
      return map(element)['type'] === 'rich_text_quote' ? `<blockquote>${inner}</blockquote>` : `<span>${inner}</span>`;
    })
    .join('');
}

function inlineHtml(inline: Json): string {
  const { type, text: words, url, style } = map(inline);
  const { bold, italic, code } = map(style);
  let html = escapeHtml(text(words));
  if (type === 'link') html = `<a href="${escapeHtml(text(url))}">${html}</a>`;
  if (bold === true) html = `<b>${html}</b>`;
  if (italic === true) html = `<i>${html}</i>`;
  return code === true ? `<code>${html}</code>` : html;
}
