import type { IncomingMessage, ServerResponse } from 'node:http';

/** At most this much of an unauthenticated or rejected body is read. */
export const UNTRUSTED_BODY_BYTES = 64 * 1024;
/** How long a rejected sender may take to read the response. */
const LINGER_MS = 2_000;

export type Headers = Readonly<Record<string, string>>;

/**
 * Responds with `application/problem+json` and one sentence, even if the body has not been received completely.
 *
 * Closing a socket with unread data resets the connection, and the sender may never see the response. So the
 * response is written completely, up to 64 KiB of the body are discarded, and the sender has 2 s to finish: after a short body
 * the connection stays open, after a longer one it is closed.
 */
export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  sentence: string,
  headers: Headers = {},
  detail?: string,
): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify({ type: 'about:blank', status, title: sentence, detail });
  const announced = Number(request.headers['content-length'] ?? (request.headers['transfer-encoding'] ? Infinity : 0));
  const isTooLong = !request.complete && !(announced <= UNTRUSTED_BODY_BYTES);
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(isTooLong ? { Connection: 'close' } : {}),
    ...headers,
  });
  if (request.complete || request.destroyed) {
    response.end(body);
    return;
  }
  response.write(body);
  discard(request, response);
}

/** Ends the response once the rest of the body was read, or the time is up. */
function discard(request: IncomingMessage, response: ServerResponse): void {
  let discardedBytes = 0;
  const overdue = setTimeout(() => {
    response.end();
    request.socket.destroy();
  }, LINGER_MS);
  const end = (): void => {
    clearTimeout(overdue);
    response.end();
  };
  request.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > UNTRUSTED_BODY_BYTES) request.pause();
  });
  request.once('end', end);
  request.once('close', end);
  request.once('error', end);
  request.resume();
}
