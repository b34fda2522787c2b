import { request as httpRequest } from 'node:http';
import type { Agent, IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { codeOf } from '../../errors.ts';
import { mask, rememberSecret } from '../../mask.ts';
import { createAgent } from '../../proxies.ts';
import type { JsonObject } from '../connector.ts';
import { isObject } from './json.ts';
import { doHttpRequest, setRequestFn } from './sdk.ts';

export type Method = 'GET' | 'POST' | 'PUT';

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: JsonObject;
  /** Instead of `body`: bytes and their media type. */
  readonly upload?: { readonly bytes: Buffer; readonly type: string };
  readonly signal?: AbortSignal;
  /** Default 30,000; from the start of the request to the end of the response. */
  readonly timeoutMs?: number;
}

/** The homeserver answered with an error. `errcode` is undefined if a proxy answered. */
export class MatrixFailure extends Error {
  readonly code = 'WB_MATRIX_FAILURE';
  readonly status: number;
  readonly errcode: string | undefined;
  /** The server's message for people; may be empty. */
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
  /** The target of a redirect. */
  readonly redirect: string | undefined;
  constructor(
    status: number,
    errcode: string | undefined,
    detail: string,
    retryAfterMs: number | undefined,
    redirect?: string,
  ) {
    const to = redirect === undefined ? '' : ` and redirects to ${redirect}`;
    super(`the homeserver answers ${status}${errcode ? ` ${errcode}` : ''}${to}${detail ? `: ${detail}` : ''}`);
    this.status = status;
    this.errcode = errcode;
    this.detail = mask(detail);
    this.retryAfterMs = retryAfterMs;
    this.redirect = redirect;
  }
}

export function isMatrixFailure(error: unknown): error is MatrixFailure {
  return codeOf(error) === 'WB_MATRIX_FAILURE';
}

interface Outgoing {
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

interface Limits {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Requests to one homeserver over keep-alive connections: a new one would cost each send a round trip, or three with TLS. */
export class Requests {
  #token: string | undefined;
  private readonly base: string;
  private readonly agent: Agent;
  private readonly secure: boolean;
  private readonly longestMs: number;

  /** No request takes longer than `longestMs`, whatever its own limit. */
  constructor(homeserver: string, longestMs = Number.POSITIVE_INFINITY) {
    this.longestMs = longestMs;
    this.base = homeserver.replace(/\/+$/, '');
    this.secure = this.base.startsWith('https:');
    // Closes idle connections before common proxies do (60 s, some 30 s), which could hit a request.
    this.agent = createAgent(this.secure ? 'https:' : 'http:', {
      keepAlive: true,
      maxSockets: 64,
      maxFreeSockets: 4,
      timeout: 25_000,
    });
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** Also masks a token from a login, which is not in a secret file. */
  set token(token: string | undefined) {
    if (token !== undefined) rememberSecret(token);
    this.#token = token;
  }

  /**
   * @throws {MatrixFailure} when the server answers with an error. Otherwise there was no response: an error with a system `code`, or the
   * signal's reason.
   */
  async request(method: Method, path: string, options: RequestOptions = {}): Promise<JsonObject> {
    const limits = { signal: options.signal, timeoutMs: Math.min(options.timeoutMs ?? 30_000, this.longestMs) };
    let headers: IncomingHttpHeaders = {};
    // The SDK calls the request function before `doHttpRequest` returns, so this one serves only this call. It is the only way to pass
    // in a signal and get the Retry-After header.
    setRequestFn((parameters: Outgoing, done: (error: unknown, response?: object, body?: string) => void) => {
      this.exchange(method, parameters, limits).then(
        (answer) => {
          headers = answer.headers;
          done(null, { ...answer }, answer.body);
        },
        (error: unknown) => done(error),
      );
    });
    const authorization = this.token === undefined ? {} : { Authorization: `Bearer ${this.token}` };
    try {
      const answer: unknown = await doHttpRequest(
        this.base,
        method,
        path + queryString(options.query),
        null,
        options.upload?.bytes ?? options.body ?? null,
        authorization,
        0,
        false,
        options.upload?.type,
      );
      if (!isObject(answer))
        throw new MatrixFailure(
          200,
          undefined,
          'the response is not JSON; is this the address of a homeserver?',
          undefined,
        );
      return answer;
    } catch (error) {
      throw failure(error, headers, this.base);
    }
  }

  /** How long the server may hold a request that waits for events. */
  longPollMs(wantedMs: number): number {
    return Math.min(wantedMs, this.longestMs / 2);
  }

  /** Closes idle connections; those with a request close after its response. */
  close(): void {
    for (const sockets of Object.values(this.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  private async exchange(method: Method, parameters: Outgoing, limits: Limits): Promise<Answer> {
    try {
      return await this.once(method, parameters, limits);
    } catch (error) {
      // The server closed an idle connection just as it was reused. GETs and PUTs (which have a transaction id) can be repeated at
      // once; waiting for the delivery worker's retry would cost seconds.
      const reused = codeOf(error) === 'ECONNRESET' && isObject(error) && error['reused'] === true;
      if (!reused || method === 'POST' || limits.signal?.aborted) throw error;
      const headers = { ...parameters.headers, Connection: 'close' };
      const answer = await this.once(method, { ...parameters, headers }, limits).catch(() => undefined);
      // If the repeat fails, the outcome of the first request is still unknown.
      if (!answer || answer.statusCode >= 300) throw error;
      return answer;
    }
  }

  private once(method: Method, { uri, headers, body }: Outgoing, { signal, timeoutMs }: Limits): Promise<Answer> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const length = body === undefined ? 0 : Buffer.byteLength(body);
      const send = this.secure ? httpsRequest : httpRequest;
      const request = send(uri, { method, headers: { ...headers, 'Content-Length': length }, agent: this.agent });
      const abort = (): void =>
        void request.destroy(signal?.reason instanceof Error ? signal.reason : new Error('stopped'));
      // A plain timer, since AbortSignal.timeout cannot be cancelled: at 500 sends a second 15,000 would be pending.
      const timer = setTimeout(() => request.destroy(timedOut(timeoutMs)), timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const fail = (error: Error): void => {
        settle();
        reject(request.reusedSocket ? Object.assign(error, { reused: true }) : error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      request.on('error', fail);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('close', () => {
          if (!response.complete) fail(new Error('the connection closed in the middle of a response'));
        });
        response.on('end', () => {
          settle();
          resolve({
            statusCode: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      request.end(body);
    });
  }
}

function timedOut(afterMs: number): Error {
  return Object.assign(new Error(`the homeserver did not answer within ${afterMs} ms`), { code: 'ETIMEDOUT' });
}

/** Converts what the SDK throws (its `MatrixError`, or the plain response if the body is not Matrix's) to one class. */
function failure(error: unknown, headers: IncomingHttpHeaders, base: string): unknown {
  // A proxy that refuses a tunnel has a status too, but is not the homeserver.
  if (!isObject(error) || typeof error['statusCode'] !== 'number' || codeOf(error) === 'ERR_PROXY_TUNNEL') return error;
  const errcode = typeof error['errcode'] === 'string' ? error['errcode'] : undefined;
  const detail = typeof error['error'] === 'string' ? error['error'] : '';
  const inBody = typeof error['retryAfterMs'] === 'number' ? error['retryAfterMs'] : undefined;
  const { location } = headers;
  const redirect = location !== undefined && URL.canParse(location, base) ? new URL(location, base).href : undefined;
  const wait = retryAfter(headers['retry-after']) ?? inBody;
  return new MatrixFailure(error['statusCode'], errcode, detail, wait, redirect);
}

/** RFC 9110 10.2.3: seconds, or a date. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function queryString(query: RequestOptions['query']): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(key, String(value));
  return parameters.size === 0 ? '' : `?${parameters}`;
}
