import { AsyncLocalStorage } from 'node:async_hooks';
import { WebClient } from '@slack/web-api';
import type { z } from 'zod';
import { SILENT } from './logger.ts';
import type { Transport } from './transport.ts';

/** Longer than any signal of the core's lets a request take. */
const TIMEOUT_MS = 20_000;
/** Slack names a time with each 429; a proxy may not. */
const RETRY_AFTER_S = 30;
/** A `Date` header is rounded to a second and was on its way; what differs more is a clock that is wrong. */
const SAME_CLOCK_MS = 2_000;

export type Arguments = Readonly<Record<string, unknown>>;

/**
 * Calls of the Web API with the bot's token. They are made once: what became of them, and whether they are repeated, is for the
 * core to decide. Throws what `failures.ts` reads.
 */
export class SlackApi {
  readonly #apiUrl: string;
  readonly #token: () => Promise<string>;
  readonly #transport: Transport;
  readonly #longestMs: number;
  /** WebClient takes no signal for a single call, and hands nothing of it to its `fetch`. */
  readonly #signals = new AsyncLocalStorage<AbortSignal>();
  #client: Promise<WebClient> | undefined;
  #aheadMs = 0;

  constructor(apiUrl: string, token: () => Promise<string>, transport: Transport, longestMs = TIMEOUT_MS) {
    this.#apiUrl = apiUrl;
    this.#token = token;
    this.#transport = transport;
    this.#longestMs = longestMs;
  }

  /** The token is read again with the next call: it may have been replaced. */
  forgetToken(): void {
    this.#client = undefined;
  }

  /** The time by Slack's clock, as far as its last answer tells. */
  now(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  async call<T>(method: string, given: Arguments, answer: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const client = await (this.#client ??= this.#open());
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.#longestMs)]);
    return answer.parse(await this.#signals.run(within, () => client.apiCall(method, { ...given })));
  }

  /** Posts to an address that Slack gave: of an upload, or to answer an interaction. */
  post(
    url: string,
    body: string | Uint8Array<ArrayBuffer>,
    contentType: string,
    signal: AbortSignal,
  ): Promise<Response> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.#longestMs)]);
    return this.#transport.fetch(url, {
      ...{ method: 'POST', body, headers: { 'content-type': contentType }, redirect: 'error', signal: within },
    });
  }

  async #open(): Promise<WebClient> {
    try {
      const token = await this.#token();
      return new WebClient(token, {
        slackApiUrl: this.#apiUrl,
        logger: SILENT,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        // A queue would run a call with the signal of another one.
        maxRequestConcurrency: Number.POSITIVE_INFINITY,
        fetch: (url, init) => this.#fetch(url, init),
      });
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  async #fetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
    const response = await this.#transport.fetch(url, { ...init, signal: this.#signals.getStore() ?? init?.signal });
    const aheadMs = Date.parse(response.headers.get('date') ?? '') - Date.now();
    this.#aheadMs = Math.abs(aheadMs) > SAME_CLOCK_MS ? aheadMs : 0;
    if (response.status === 429 && !response.headers.has('retry-after'))
      return new Response(null, { status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } });
    return response;
  }
}
