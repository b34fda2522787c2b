import type { Message } from '../chat/message.ts';
import type { InteractionTarget, Sender } from '../connectors/connector.ts';

/** What the pages need of the core, which keeps it in Postgres; any replica may serve it. */
export interface WebChat {
  rooms(): readonly WebRoom[];
  /** Begins with the newest lines and tells `reader` what changes from then on. Rejects when the database is away. */
  follow(room: string, reader: WebReader): Promise<Following>;
  /** What stands before the line at `before`. Rejects when the database is away. */
  earlier(room: string, before: number): Promise<WebExcerpt>;
  /**
   * Accepts a line; resolves after the commit. `id` is the idempotency key, in lower case: the page repeats it until it
   * hears, and the line comes back to those who follow the room under the same `id`. `taken`: the id belongs to another
   * line, and nothing was accepted.
   */
  send(room: string, line: WebSend): Promise<'accepted' | 'taken'>;
  /** Accepts the press of a button; idempotent by `id` as `send` is. */
  press(room: string, press: WebPress): Promise<void>;
}

export interface WebReader {
  /** False while it has not taken in what it was told: it is told nothing more until it is ready or asks. */
  isReady(): boolean;
  /** Lines that are new, changed or deleted, up to about `MOST_BYTES` at once. The same change may be told twice. */
  tell(changed: readonly WebLine[]): void;
}

export interface Following {
  readonly excerpt: WebExcerpt;
  /** To be called when the reader has become ready. */
  more(): void;
  stop(): void;
}

/** Neighbouring lines of a room, oldest first: at least one if there is any, else as many as fit. */
export interface WebExcerpt {
  readonly lines: readonly WebLine[];
  /** There are lines before these. */
  readonly earlier: boolean;
}

/** The one account as which everybody speaks and reads. */
export const ACCOUNT = 'local';

/** Of an excerpt: a room of big messages must not fill the memory of whoever serves or reads it. */
export const MOST_LINES = 200;
export const MOST_BYTES = 256 * 1024;

export interface WebRoom {
  readonly id: string;
  readonly name: string;
}

export interface WebSend {
  readonly id: string;
  readonly text: string;
  /** Id of the line this one answers. */
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
  /** Place in the room; lines are sorted by it. */
  readonly seq: number;
  /** `bot`, or the name of whoever said it. */
  readonly author: string;
  /** ISO 8601. */
  readonly at: string;
  readonly message: Message;
  /** Rises with every change; an older version never replaces a newer one. */
  readonly version: number;
  readonly replyTo?: string;
  /** What a press on its buttons names. */
  readonly press?: InteractionTarget;
  readonly deleted?: boolean;
}
