import type { Message } from '../chat/message.ts';
import type { InteractionTarget, Sender } from '../connectors/connector.ts';

/** The chat as needed by the pages. The core stores it in Postgres, and any replica can serve it. */
export interface WebChat {
  rooms(): readonly WebRoom[];
  /** Returns the newest lines and sends later changes to `reader`. Rejects when the database is unreachable. */
  follow(room: string, reader: WebReader): Promise<Following>;
  /** Lines before the position `before`. Rejects when the database is unreachable. */
  earlier(room: string, before: number): Promise<WebExcerpt>;
  /**
   * Accepts a line; resolves after the commit. `id` is the idempotency key, in lower case: the page retries until it gets
   * an answer, and followers of the room get the line with the same `id`. `taken`: the id belongs to another
   * line, and nothing was accepted.
   */
  send(room: string, line: WebSend): Promise<'accepted' | 'taken'>;
  /** Accepts the press of a button; idempotent by `id`, like `send`. */
  press(room: string, press: WebPress): Promise<void>;
}

export interface WebReader {
  /** False while it has unread data: it gets nothing more until it is ready or calls `more`. */
  isReady(): boolean;
  /** Lines that are new, changed or deleted, up to about `MAX_BYTES` at once. The same change may be sent twice. */
  send(changed: readonly WebLine[]): void;
}

export interface Following {
  readonly excerpt: WebExcerpt;
  /** Call this when the reader has become ready. */
  more(): void;
  stop(): void;
}

/** Consecutive lines of a room, oldest first: as many as fit, but at least one if there is any. */
export interface WebExcerpt {
  readonly lines: readonly WebLine[];
  /** Whether there are earlier lines. */
  readonly earlier: boolean;
}

/** The single account that all users of the pages share. */
export const ACCOUNT = 'local';

/** Limits of an excerpt: a room of large messages must not exhaust the memory of server or browser. */
export const MAX_LINES = 200;
export const MAX_BYTES = 256 * 1024;

export interface WebRoom {
  readonly id: string;
  readonly name: string;
}

export interface WebSend {
  readonly id: string;
  readonly text: string;
  /** Id of the line this one replies to. */
  readonly replyTo?: string;
  readonly sender: Sender;
}

export interface WebPress {
  readonly id: string;
  readonly pressed: InteractionTarget & { readonly index: number };
  readonly sender: Sender;
}

export interface WebLine {
  readonly id: string;
  /** Position in the room; lines are sorted by it. */
  readonly seq: number;
  /** `bot`, or the name of the person. */
  readonly author: string;
  /** ISO 8601. */
  readonly at: string;
  readonly message: Message;
  /** Increases with every change; an older version never replaces a newer one. */
  readonly version: number;
  readonly replyTo?: string;
  /** Target of a press on its buttons. */
  readonly press?: InteractionTarget;
  readonly deleted?: boolean;
}
