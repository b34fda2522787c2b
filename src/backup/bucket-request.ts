import { request as overHttp, type IncomingMessage } from 'node:http';
import { request as overHttps } from 'node:https';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { messageOf } from '../errors.ts';
import { createAgent } from '../proxies.ts';

/** Timeout without any data from the store. */
const TIMEOUT_MS = 300_000;

/** A response of the store; its body must be read once, or discarded. */
export interface BucketResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly body: Readable;
  text(): Promise<string>;
}

/**
 * Sends a signed request. Not with `fetch`: Node's crashed (an assertion in its parser, 24.22) when the store
 * closed the connection while the disk was slower than the network.
 *
 * @throws an error with a `cause` when the store was not reached or did not answer; the request may have had no effect.
 */
export function sendSigned({ url, method, headers }: Request, body: Blob | undefined): Promise<BucketResponse> {
  const { protocol } = new URL(url);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(new Error(messageOf(error), { cause: error }));
    const options = {
      method,
      agent: createAgent(protocol === 'https:' ? 'https:' : 'http:', {}),
      headers: { ...Object.fromEntries(headers), ...(body && { 'content-length': body.size }) },
      timeout: TIMEOUT_MS,
    };
    const request = (protocol === 'https:' ? overHttps : overHttp)(url, options, (answer) => resolve(answerOf(answer)));
    request.on('error', fail);
    request.on('timeout', () => request.destroy(new Error(`no answer for ${TIMEOUT_MS / 1000} s`)));
    if (body) pipeline(Readable.fromWeb(body.stream() as ReadableStream), request).catch(fail);
    else request.end();
  });
}

function answerOf(message: IncomingMessage): BucketResponse {
  const { statusCode: status = 0, headers } = message;
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: { get: (name) => [headers[name]].flat()[0] },
    body: message,
    text: () => text(message),
  };
}
