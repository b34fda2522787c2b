import type { IncomingEvent } from './incoming-event.ts';
import type { RequestKey } from './operation.ts';

/** What a connector is given at `start`. */
export interface ConnectorHost {
  /** The cursor stored with the last batch; null on the very first start (or after a restore): begin at now. */
  readonly cursor: string | null;
  /** When that cursor was stored, by the database's clock. */
  readonly cursorAt: Date | null;

  /**
   * Stores a batch and the cursor behind it in one commit. Only after it resolves may the connector acknowledge or
   * move on; when it rejects (database away, lease lost) the batch must be offered again, or dropped after `stop`.
   * Batches are offered one at a time, in order. Echoes must be reported before the batch that follows them.
   */
  receive(events: readonly IncomingEvent[], cursor: string | null): Promise<void>;

  /** One of our own operations was seen in the stream: this settles a send whose outcome was unknown. */
  echo(key: RequestKey, remoteId: string): Promise<void>;

  /** Something became true or false of a room; the core tells the ops room and fails over. */
  membership(room: string, state: 'joined' | 'left' | 'encrypted' | 'moved', detail?: string): Promise<void>;

  /** True when this room id (or one of its aliases) is configured: only then is an invitation accepted. */
  isConfigured(room: string): boolean;

  /** Everything configured for this connector: the ids or aliases as written. */
  rooms(): readonly string[];

  /**
   * Tells the core that an id or alias as written stands for this room id, both ways from now on. Where it was another
   * room before, also before a restart, this waits until nothing is on its way to that one, and what it showed is
   * forgotten: what waits is sent to the new one, and what changes is said there anew. Nothing may be performed in the new
   * room before this resolves, nor may `perform` wait for it.
   */
  resolved(written: string, room: string): Promise<void>;

  /** The connection is up or down; shown in /healthz, `watchbell_connector_up` and `status`. */
  state(up: boolean, detail?: string): void;

  /** Asks to be stopped and started again after a pause; for a failure that only a new start can mend. */
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
