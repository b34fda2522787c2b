import type { Message } from '../chat/message.ts';
import type { Sender } from '../connectors/connector.ts';

/** What the pages need of the core, which keeps it in Postgres; any replica may serve it. */
export interface WebChat {
  rooms(): readonly WebRoom[];
  /** The last `limit` lines as they are now, oldest first. Rejects when the database is away. */
  history(room: string, limit: number): Promise<readonly WebLine[]>;
  /**
   * Accepts a line; resolves after the commit. `id` is the idempotency key: the page repeats it until it hears, and
   * the line comes back from `history` and `subscribe` under the same `id`.
   */
  send(room: string, line: WebSend): Promise<void>;
  /** Accepts the press of a button; idempotent by `id` as `send` is. */
  press(room: string, press: WebPress): Promise<void>;
  /** Tells of lines that are new, changed or deleted from now on; returns what ends it. The same change may be told twice. */
  subscribe(room: string, listener: (changed: readonly WebLine[]) => void): () => void;
}

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
  /** Id of the line whose button it is. */
  readonly message: string;
  readonly command: string;
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
  readonly deleted?: boolean;
}
