import { useSignal } from '@preact/signals';
import { html } from 'htm/preact';
import type { ComponentChildren, VNode } from 'preact';
import { clean, parseMarkdown, safeUrl } from '../../chat/markdown.ts';
import type { Inline } from '../../chat/markdown.ts';
import type { Action, Message, Tone } from '../../chat/message.ts';
import type { InteractionTarget } from '../../connectors/connector.ts';
import { press } from './connection.ts';

const TONE_WORDS: Readonly<Record<Tone, string>> = {
  critical: 'CRITICAL',
  warning: 'WARNING',
  info: 'INFO',
  ok: 'OK',
  neutral: 'NOTE',
};

/** Renders a message; external text never becomes markup. `pressed`: the target of its buttons. */
export function MessageView({ message, pressed }: { message: Message; pressed: InteractionTarget | undefined }): VNode {
  const { title, text, tone, fields = [], links = [], code, image, mentions = [], actions = [] } = message;
  const body = [
    mentions.length > 0 && html`<p class="mentions">${mentions.map(({ name }) => `@${clean(name)}`).join(' ')}</p>`,
    title !== undefined && html`<p class="title">${toneWord(title, tone)}${clean(title)}</p>`,
    text !== undefined && html`<div class="text">${renderText(text)}</div>`,
    fields.length > 0 &&
      html`<dl>
        ${fields.map(
          ({ label, value }) =>
            html`<div>
              <dt>${clean(label)}</dt>
              <dd>${clean(value)}</dd>
            </div>`,
        )}
      </dl>`,
    code !== undefined && html`<pre tabindex="0"><code>${clean(code)}</code></pre>`,
    image &&
      html`<img
        src=${`data:image/png;base64,${image.png}`}
        alt=${clean(image.alt)}
        width=${image.width}
        height=${image.height}
      />`,
    links.length > 0 && html`<p class="links">${links.map(({ label, url }) => renderLink(url, clean(label)))}</p>`,
    actions.length > 0 && pressed && html`<${Actions} actions=${actions} pressed=${pressed} />`,
  ];
  return html`<div class=${tone ? `message card tone-${tone}` : 'message'}>${body}</div>` as VNode;
}

/** The tone in words, for readers who do not see colours, unless the title starts with an emoji or a word in capitals. */
function toneWord(title: string, tone: Tone | undefined): ComponentChildren {
  if (tone === undefined || tone === 'neutral' || /^\p{Extended_Pictographic}|^\p{Lu}{2,}\b/u.test(title)) return null;
  return html`<span class="tone-word">${TONE_WORDS[tone]}</span> `;
}

function renderText(text: string): ComponentChildren {
  const shown: VNode[] = [];
  let quoted: VNode[] = [];
  const endQuote = (): void => {
    if (quoted.length > 0) shown.push(html`<blockquote>${quoted}</blockquote>` as VNode);
    quoted = [];
  };
  for (const block of parseMarkdown(text)) {
    if (block.type === 'quote') quoted.push(renderLine(block.children));
    else {
      endQuote();
      shown.push(
        block.type === 'code'
          ? (html`<pre tabindex="0"><code>${block.text}</code></pre>` as VNode)
          : renderLine(block.children),
      );
    }
  }
  endQuote();
  return shown;
}

function renderLine(children: readonly Inline[]): VNode {
  return html`<p>${children.length > 0 ? children.map(renderInline) : '\u00a0'}</p>` as VNode;
}

function renderInline(inline: Inline): ComponentChildren {
  switch (inline.type) {
    case 'text':
      return inline.text;
    case 'code':
      return html`<code>${inline.text}</code>`;
    case 'bold':
      return html`<strong>${inline.children.map(renderInline)}</strong>`;
    case 'italic':
      return html`<em>${inline.children.map(renderInline)}</em>`;
    case 'link':
      return renderLink(inline.url, inline.children.map(renderInline));
  }
}

function renderLink(url: string, label: ComponentChildren): ComponentChildren {
  const href = safeUrl(url);
  if (href === undefined) return html`<span>${label} (${clean(url)})</span>`;
  return html`<a href=${href} target="_blank" rel="noopener noreferrer">${label}</a>`;
}

function Actions({ actions, pressed }: { actions: readonly Action[]; pressed: InteractionTarget }): VNode {
  const busy = useSignal<number | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);

  const act = async (index: number): Promise<void> => {
    if (busy.value !== undefined) return;
    busy.value = index;
    problem.value = await press(pressed, index);
    // Ignore a double tap.
    setTimeout(() => (busy.value = undefined), 700);
  };

  return html`<div class="actions" role="group" aria-label="Actions">
    ${actions.map(
      (action, index) =>
        html`<button
          type="button"
          key=${action.command}
          aria-disabled=${busy.value !== undefined ? 'true' : 'false'}
          title=${action.command}
          onClick=${() => act(index)}
        >
          <span aria-hidden="true">${action.emoji}</span> ${action.label}
        </button>`,
    )}
    ${problem.value !== undefined && html`<p role="alert">${problem.value}</p>`}
  </div>` as VNode;
}
