import type { Context } from './context.ts';
import type { SecretRef } from './secret.ts';
import type { Json } from './sql.ts';

export interface WebhookRequest {
  /** The part of the path after the webhook's name; `default` for the bare path. */
  readonly source: string;
  readonly body: unknown;
  /** The headers that the webhook declares and the request has; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: Date;
  /**
   * Order of acceptance: larger is later. Webhooks are handled concurrently, and a replayed one long after newer ones, so a
   * handler that keeps state compares this with the number stored alongside that state.
   */
  readonly order: number;
  /** Address of the peer: the sender's, or a proxy's. It may help to tell senders apart, but proves nothing. */
  readonly remoteAddress?: string | undefined;
}

export interface Webhook<Options = unknown> {
  /** How a sender authenticates for this source; undefined: this replica has no such source (503, as another one may have it). */
  readonly verify: (options: Options, source: string) => Verification | undefined;
  /** All source names, for metric labels. */
  readonly sources: (options: Options) => readonly string[];
  /** Headers that `id` and `run` see, in lower case; stored with the event. Headers that carry secrets are never stored. */
  readonly headers?: readonly string[];
  /**
   * The sender's id for this delivery: a second request with the same id for the same source is a duplicate. It is answered
   * with 200 and not handled, as long as the first is kept (`keep.events`). Undefined, or left out: every request is new. Must
   * be fast and pure.
   */
  readonly id?: (request: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly source: string;
  }) => string | undefined;
  /** One sentence on why the body is unusable (answered with 400); undefined when it is usable. Must be fast and pure. */
  readonly reject?: (body: unknown) => string | undefined;
  /**
   * Bodies in the same lane are handled one after another, in the order of acceptance; undefined: concurrently with all others.
   * Must be fast, pure and safe for any body that `reject` lets through.
   */
  readonly lane?: (body: unknown, source: string) => string | undefined;
  /**
   * What to store of a body that `reject` let through: only what `run` reads, bounded in size, in one or more parts. Each part
   * is an event with its own transaction, handled in this order if they have a lane. Must be fast and pure. Left out: the body
   * is stored as received, and bodies over 1 MiB are rejected with 413.
   */
  readonly keep?: (body: unknown) => readonly Json[];
  /**
   * Handles the waiting calls, often just one, in one transaction: in the order of acceptance, no two from the same lane. For
   * thousands of requests, one statement that stores all of them is the fastest. If it fails or takes longer than half a
   * second, it runs again for each call on its own.
   */
  readonly run: (calls: readonly WebhookCall<Options>[]) => void | Promise<void>;
}

/**
 * `bearer`: the request has one of these tokens, as `Authorization: Bearer` or as the password of Basic. `hmac`: a header has
 * the HMAC of the raw body, in hexadecimal after `prefix`, made with one of these secrets; bodies of at most 25 MiB. Several
 * are accepted, so that one can be replaced without downtime.
 */
export type Verification =
  | { readonly bearer: readonly SecretRef[] }
  | {
      readonly hmac: {
        readonly header: string;
        readonly algorithm: 'sha256';
        readonly prefix?: string;
        readonly secrets: readonly SecretRef[];
      };
    };

export interface WebhookCall<Options = unknown> {
  readonly context: Context<Options>;
  readonly request: WebhookRequest;
}
