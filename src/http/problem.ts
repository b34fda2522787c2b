import type { IncomingMessage, ServerResponse } from 'node:http';

/** An unauthenticated or refused body is read no further than this. */
export const UNTRUSTED_BODY_BYTES = 64 * 1024;
/** How long a refused sender may take to read its answer. */
const LINGER_MS = 2_000;

export type Headers = Readonly<Record<string, string>>;

/**
 * Answers with `application/problem+json` and one sentence, however much of the body is still to come.
 *
 * Closing a socket that holds unread data resets the connection, and the sender may then never see the answer. So the
 * answer is written whole, up to 64 KiB of the body are thrown away, and the sender has 2 s to be done: a short body
 * keeps the connection alive, a longer one costs it.
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

/** Ends the response once the rest of the body is read, or the sender has had its time. */
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
