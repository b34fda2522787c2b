import { useSignal } from '@preact/signals';
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { WebExcerpt } from '../web-chat.ts';
import { readEarlier, send } from './connection.ts';
import { LineView, UnsentView, firstWords } from './line-view.ts';
import {
  replyingTo,
  connection,
  currentRoom,
  hasEarlier,
  isLoaded,
  lines,
  rooms,
  showEarlier,
  unsentHere,
} from './store.ts';

/** If scrolled closer to the end than this, the view follows new messages. */
const FOLLOWING_PX = 80;

export function App({ botName }: { botName: string }): VNode {
  return html`
    <header>
      <h1>${botName}</h1>
      <${State} />
      <form method="post" action="logout"><button class="plain">Sign out</button></form>
      <${Rooms} />
    </header>
    <${Conversation} botName=${botName} />
    <${Composer} botName=${botName} />
  ` as VNode;
}

function Rooms(): VNode {
  return html`<nav aria-label="Rooms">
    ${rooms.value.map(
      ({ id, name }) =>
        html`<a
          key=${id}
          href=${`#${encodeURIComponent(id)}`}
          aria-current=${id === currentRoom.value ? 'page' : undefined}
          >${name}</a
        >`,
    )}
  </nav>` as VNode;
}

function State(): VNode {
  const words = { connecting: 'connecting …', live: 'live', lost: 'offline, reconnecting …' }[connection.value];
  return html`<p class="state ${connection.value}" role="status">${words}</p>` as VNode;
}

function Conversation({ botName }: { botName: string }): VNode {
  const scroller = useRef<HTMLElement>(null);
  const isFollowing = useSignal(true);
  const heightBefore = useRef<number | undefined>(undefined);
  const shown = lines.value;
  const waiting = unsentHere.value;
  const room = currentRoom.value;

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    // Keep the position when lines are added above.
    if (heightBefore.current !== undefined) element.scrollTop += element.scrollHeight - heightBefore.current;
    else if (isFollowing.value) element.scrollTop = element.scrollHeight;
    heightBefore.current = undefined;
  }, [shown, waiting]);
  useEffect(() => {
    isFollowing.value = true;
    // The keyboard of a phone covers half of the view.
    const keep = new ResizeObserver(() => {
      const element = scroller.current;
      if (element && isFollowing.value) element.scrollTop = element.scrollHeight;
    });
    if (scroller.current) keep.observe(scroller.current);
    return () => keep.disconnect();
  }, [room]);

  const onScroll = (): void => {
    const element = scroller.current;
    if (element) isFollowing.value = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOWING_PX;
  };
  const toEnd = (): void => {
    isFollowing.value = true;
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  };

  const showMore = (excerpt: WebExcerpt): void => {
    heightBefore.current = scroller.current?.scrollHeight;
    showEarlier(excerpt);
  };

  return html`<main ref=${scroller} onScroll=${onScroll} tabindex="-1">
    <div class="lines" role="log" aria-label="Conversation">
      ${hasEarlier.value && html`<${Earlier} key="earlier" onRead=${showMore} />`}
      ${isLoaded.value && shown.length + waiting.length === 0 && html`<${Welcome} />`}
      ${shown.map((line, index) => html`<${LineView} key=${line.id} line=${line} before=${shown[index - 1]} botName=${botName} />`)}
      ${waiting.map((line) => html`<${UnsentView} key=${line.id} line=${line} />`)}
    </div>
    ${!isFollowing.value && html`<button type="button" class="to-end" onClick=${toEnd}>↓ Latest</button>`}
  </main>` as VNode;
}

function Earlier({ onRead }: { onRead: (excerpt: WebExcerpt) => void }): VNode {
  const isBusy = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);

  const read = async (): Promise<void> => {
    if (isBusy.value) return;
    isBusy.value = true;
    const answer = await readEarlier();
    isBusy.value = false;
    problem.value = typeof answer === 'string' ? answer : undefined;
    if (typeof answer === 'object') onRead(answer);
  };

  return html`<div class="earlier">
    <button type="button" aria-disabled=${isBusy.value ? 'true' : 'false'} onClick=${read}>
      Show earlier messages
    </button>
    ${problem.value !== undefined && html`<p role="alert">${problem.value}</p>`}
  </div>` as VNode;
}

const SUGGESTIONS = ['help', 'demo alert', 'status'];

function Welcome(): VNode {
  return html`<section class="welcome">
    <p>No messages yet. Commands to try:</p>
    <p class="actions">
      ${SUGGESTIONS.map((words) => html`<button type="button" onClick=${() => send(words)}>${words}</button>`)}
    </p>
  </section>` as VNode;
}

function Composer({ botName }: { botName: string }): VNode {
  const text = useSignal('');
  const field = useRef<HTMLTextAreaElement>(null);
  const replyTarget = replyingTo.value;

  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.rows = Math.min(6, text.value.split('\n').length);
  }, [text.value]);

  const submit = (event?: Event): void => {
    event?.preventDefault();
    if (text.value.trim() === '') return;
    send(text.value.trim(), replyTarget?.id);
    text.value = '';
    replyingTo.value = undefined;
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
    if (event.key === 'Escape') replyingTo.value = undefined;
  };

  return html`<form class="composer" onSubmit=${submit}>
    ${
      replyTarget &&
      html`<p class="answering">
        <span>Reply to: ${firstWords(replyTarget)}</span>
        <button type="button" class="plain" aria-label="Cancel reply" onClick=${() => (replyingTo.value = undefined)}>
          ✕
        </button>
      </p>`
    }
    <div class="row">
      <textarea
        id="say"
        ref=${field}
        rows="1"
        maxlength="8000"
        aria-label=${`Write a message to ${botName}`}
        placeholder="Write a message"
        enterkeyhint="send"
        autocomplete="off"
        autocapitalize="none"
        value=${text.value}
        onInput=${(event: InputEvent) => (text.value = (event.currentTarget as HTMLTextAreaElement).value)}
        onKeyDown=${onKeyDown}
      ></textarea>
      <button type="submit" disabled=${text.value.trim() === ''}>Send</button>
    </div>
  </form>` as VNode;
}
