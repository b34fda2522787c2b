import type { IncomingEvent } from './incoming-event.ts';
import type { JsonValue } from './json.ts';

/** One HTTP path of a connector, for requests from its platform. */
export interface Route {
  /** `''`, `/command`, `/action`. */
  readonly path: string;
  readonly maxBodyBytes: number;
  /**
   * Verifies the request, turns it into events, and answers once `accept` has resolved: then they are stored, and repeats with the same
   * ids are ignored. If `accept` rejects, the sender gets 503, whatever this returns; any other error is a 500.
   */
  handle(request: RouteRequest, accept: (events: readonly IncomingEvent[]) => Promise<void>): Promise<RouteAnswer>;
}

export interface RouteRequest {
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body as received, for verifying signatures. */
  readonly rawBody: Buffer;
  readonly query: URLSearchParams;
  /** Address of the peer, which may be a proxy. */
  readonly remoteAddress: string;
}

export interface RouteAnswer {
  readonly status: number;
  /** JSON, or text. */
  readonly body?: JsonValue;
  /** Default `application/json`; for text, `text/plain`. */
  readonly contentType?: string;
}
