import type { IncomingEvent } from './incoming-event.ts';
import type { JsonValue } from './json.ts';

/** One HTTP path of a connector, to which its platform posts. */
export interface Route {
  /** `''`, `/command`, `/action`. */
  readonly path: string;
  readonly maxBodyBytes: number;
  /**
   * Verifies the request, turns it into events, and answers once `accept` has resolved: they are stored then, and a repeat with
   * the same ids is dropped. When `accept` rejects the sender gets 503, whatever this answers; whatever else it throws is a 500.
   */
  handle(request: RouteRequest, accept: (events: readonly IncomingEvent[]) => Promise<void>): Promise<RouteAnswer>;
}

export interface RouteRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came over the wire: what a signature is made of. */
  readonly rawBody: Buffer;
  readonly query: URLSearchParams;
  /** The other end of the connection, which may be a proxy. */
  readonly remoteAddress: string;
}

export interface RouteAnswer {
  readonly status: number;
  /** JSON, or text. */
  readonly body?: JsonValue;
  /** Default `application/json`, of text `text/plain`. */
  readonly contentType?: string;
}
