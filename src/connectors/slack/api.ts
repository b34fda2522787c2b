import { AsyncLocalStorage } from 'node:async_hooks';
import { WebClient } from '@slack/web-api';
import type { z } from 'zod';
import { SILENT } from './logger.ts';
import type { Transport } from './transport.ts';

/** Longer than the core's signals allow any request to take. */
const TIMEOUT_MS = 20_000;
/** Slack sends `Retry-After` with each 429; a proxy may not. */
const RETRY_AFTER_S = 30;
/** A `Date` header is rounded to a second and delayed by the network; a larger difference means that the clocks disagree. */
const CLOCK_TOLERANCE_MS = 2_000;

export type Arguments = Readonly<Record<string, unknown>>;

/**
 * Calls the Web API with the bot's token. Each call is made once: the core decides about retries. Throws the SDK's errors, which
 * `failures.ts` classifies.
 */
export class SlackApi {
  readonly #apiUrl: string;
  readonly #token: () => Promise<string>;
  readonly #transport: Transport;
  readonly #longestMs: number;
  /** WebClient accepts no signal per call, and passes nothing about the call to its `fetch`. */
  readonly #signals = new AsyncLocalStorage<AbortSignal>();
  #client: Promise<WebClient> | undefined;
  #aheadMs = 0;

  constructor(apiUrl: string, token: () => Promise<string>, transport: Transport, longestMs = TIMEOUT_MS) {
    this.#apiUrl = apiUrl;
    this.#token = token;
    this.#transport = transport;
    this.#longestMs = longestMs;
  }

  /** Makes the next call read the token again: it may have been replaced. */
  forgetToken(): void {
    this.#client = undefined;
  }

  /** The time by Slack's clock, judged by its last response. */
  now(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  async call<T>(method: string, given: Arguments, answer: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const client = await (this.#client ??= this.#open());
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.#longestMs)]);
    return answer.parse(await this.#signals.run(within, () => client.apiCall(method, { ...given })));
  }

  /** Posts to a URL from Slack: an upload URL or a `response_url`. */
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
        // A queue would run one call with the signal of another.
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
    this.#aheadMs = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS ? aheadMs : 0;
    if (response.status === 429 && !response.headers.has('retry-after'))
      return new Response(null, { status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } });
    return response;
  }
}
