import { html } from 'htm/preact';
import type { ComponentChildren, VNode } from 'preact';
import { clean, inlinesToPlain, parseMarkdown } from '../../chat/markdown.ts';
import type { WebLine } from '../web-chat.ts';
import { send } from './connection.ts';
import { MessageView } from './message-view.ts';
import { replyingTo, dropUnsent, lineById, user } from './store.ts';
import type { Unsent } from './store.ts';

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

export function LineView({
  line,
  before,
  botName,
}: {
  line: WebLine;
  before: WebLine | undefined;
  botName: string;
}): VNode {
  const isOwn = line.author === user.value;
  const at = new Date(line.at);
  const day = DAY.format(at);
  const isNewDay = before === undefined || DAY.format(new Date(before.at)) !== day;
  const isSameAuthor = !isNewDay && before?.author === line.author && at.getTime() - Date.parse(before.at) < 300_000;
  const author = line.author === 'bot' ? botName : clean(line.author);
  const kind = line.author === 'bot' ? 'from-bot' : isOwn ? 'own' : 'other';
  return html`
    ${isNewDay && html`<h2 class="day">${day}</h2>`}
    <article class="line ${kind}" data-line=${line.id} aria-label=${`${author}, ${TIME.format(at)}`}>
      <p class="who" hidden=${isSameAuthor}>
        <b>${author}</b> <time datetime=${line.at} title=${at.toLocaleString()}>${TIME.format(at)}</time>
      </p>
      ${line.replyTo !== undefined && html`<${Quote} id=${line.replyTo} />`}
      <div class="bubble">
        <${MessageView} message=${line.message} pressed=${line.press} />
        ${line.author === 'bot' && html`<${ReplyButton} line=${line} />`}
      </div>
    </article>
  ` as VNode;
}

function ReplyButton({ line }: { line: WebLine }): VNode {
  const reply = (): void => {
    replyingTo.value = line;
    document.querySelector<HTMLTextAreaElement>('#say')?.focus();
  };
  return html`<button
    type="button"
    class="reply"
    aria-label="Reply to: ${firstWords(line)}"
    title="Reply"
    onClick=${reply}
  >
    ↩
  </button>` as VNode;
}

function Quote({ id }: { id: string }): ComponentChildren {
  const quoted = lineById(id);
  return quoted ? html`<p class="quote">${firstWords(quoted)}</p>` : null;
}

export function UnsentView({ line }: { line: Unsent }): VNode {
  const again = (): void => {
    dropUnsent(line.id);
    send(line.text, line.replyTo);
  };
  return html`<article class="line own unsent" data-unsent=${line.id}>
    <div class="bubble">
      <div class="message">
        <div class="text">
          ${clean(line.text)
            .split('\n')
            .map((row) => html`<p>${row || '\u00a0'}</p>`)}
        </div>
      </div>
    </div>
    ${
      line.problem === undefined
        ? html`<p class="fate">sending …</p>`
        : html`<p class="fate" role="alert">
            Not sent: ${line.problem}.
            <button type="button" class="plain" onClick=${again}>Try again</button>
            <button type="button" class="plain" onClick=${() => dropUnsent(line.id)}>Discard</button>
          </p>`
    }
  </article>` as VNode;
}

export function firstWords({ message }: WebLine): string {
  const text =
    message.title ??
    parseMarkdown(message.text ?? '')
      .map((block) => (block.type === 'code' ? block.text : inlinesToPlain(block.children)))
      .find((row) => row.trim() !== '');
  const words = clean(text ?? message.code ?? '').trim();
  return words.length > 80 ? `${words.slice(0, 79)}…` : words;
}
