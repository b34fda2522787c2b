import type { Context } from './context.ts';
import type { SecretRef } from './secret.ts';
import type { Json } from './sql.ts';

export interface WebhookRequest {
  /** What follows the webhook's name in the address; `default` for the bare path. */
  readonly source: string;
  readonly body: unknown;
  /** Those that the webhook declares, as far as they were sent; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: Date;
  /**
   * Order of acceptance: larger is later. Webhooks are handled side by side, and a replayed one long after newer ones, so a
   * handler that keeps state compares this with the number it stored with that state.
   */
  readonly order: number;
  /**
   * Address at the other end of the connection: the sender's or a proxy's. It may tell senders apart, and proves nothing.
   */
  readonly remoteAddress?: string | undefined;
}

export interface Webhook<Options = unknown> {
  /** How a sender shows that it may post to this source; undefined: no such source here (503: another pod may know it). */
  readonly verify: (options: Options, source: string) => Verification | undefined;
  /** Every source name that may occur, for metrics labels. */
  readonly sources: (options: Options) => readonly string[];
  /** Headers that `id` and `run` see, in lower case; kept with the event. Those that carry secrets never are. */
  readonly headers?: readonly string[];
  /**
   * What the sender calls this delivery: another one of the same name, to the same source, is a repeat. It gets its 200 and
   * is not handled, as long as the first is kept (`keep.events`). Undefined, or left out: every request is new. Must be quick
   * and pure.
   */
  readonly id?: (request: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly source: string;
  }) => string | undefined;
  /** One sentence when the body is not acceptable at all (answered with 400), undefined when it is. Must be quick and pure. */
  readonly refuse?: (body: unknown) => string | undefined;
  /**
   * Bodies with the same word are handled one after another, in the order of their acceptance; undefined: side by side.
   * Must be quick, pure and safe on any body that `refuse` lets through.
   */
  readonly lane?: (body: unknown, source: string) => string | undefined;
  /**
   * What is stored of a body that `refuse` let through: only what `run` reads, bounded in size, in one or several parts.
   * Each part is an event with a transaction of its own, in this order where `lane` gives a word. Must be quick and pure.
   * Left out: the body as it came; bodies over 1 MiB are then refused with 413.
   */
  readonly keep?: (body: unknown) => readonly Json[];
  /**
   * Takes the calls that wait, often one: no two with the same word of `lane`, in the order of their acceptance, all in one
   * transaction. What comes in thousands costs least where one statement stores all of them. Where it fails or takes
   * longer than half a second, each call is given to it alone.
   */
  readonly run: (calls: readonly WebhookCall<Options>[]) => void | Promise<void>;
}

/**
 * `bearer`: the request shows one of these tokens, as `Authorization: Bearer` or as the password of Basic. `hmac`: a header
 * carries the HMAC of the body as it was sent, in hexadecimal behind `prefix`, with one of these secrets; at most 25 MiB.
 * Several, so that one can be replaced without a gap.
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
