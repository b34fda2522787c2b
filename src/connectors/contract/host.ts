import type { IncomingEvent } from './incoming-event.ts';
import type { RequestKey } from './operation.ts';

/** What a connector gets at `start`. */
export interface ConnectorHost {
  /** The cursor stored with the last batch; null on the very first start, and after a restore: start from now. */
  readonly cursor: string | null;
  /** When that cursor was stored, by the database's clock; null if there is none. */
  readonly cursorAt: Date | null;

  /**
   * Stores a batch and the cursor after it in one commit. Only after it resolves may the connector acknowledge the batch or continue.
   * If it rejects (database unreachable, lease lost), the connector must offer the batch again, or drop it after `stop`. Batches are
   * offered one at a time, in order. Report echoes before the batch that follows them.
   */
  receive(events: readonly IncomingEvent[], cursor: string | null): Promise<void>;

  /** One of the bot's own operations showed up in the stream. This settles a request with an unknown outcome. */
  echo(key: RequestKey, remoteId: string): Promise<void>;

  /** The bot's membership, or a property of a room, changed. The core tells the ops room. */
  membership(room: string, state: 'joined' | 'left' | 'encrypted' | 'moved', detail?: string): Promise<void>;

  /** Whether this room id (or one of its aliases) is configured. Accept invitations only then. */
  isConfigured(room: string): boolean;

  /** The configured room ids and aliases of this connector. */
  rooms(): readonly string[];

  /**
   * Reports that a configured id or alias stands for this room id. If it was another room before, even before a restart, this waits
   * until nothing is being sent to that one, and forgets what it shows: pending and changed messages are then sent to the new room.
   * Do not perform anything in the new room before this resolves, and do not wait for it in `perform`.
   */
  resolved(configured: string, room: string): Promise<void>;

  /** Reports the connection as up or down, for /healthz, `watchbell_connector_up` and `status`. */
  state(up: boolean, detail?: string): void;

  /** Asks to be stopped and started again after a pause, for failures that only a restart can fix. */
  failed(error: unknown): void;

  now(): Date;
  readonly log: ConnectorLog;
}

export interface ConnectorLog {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
