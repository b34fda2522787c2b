import type { IncomingMessage } from 'node:http';

/**
 * True unless the request was made by a page of another site. Browsers send `Sec-Fetch-Site`, which no page can set;
 * over plain http, and in older browsers, every POST has an `Origin`. Programs send neither, and no cookies by
 * accident.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  // Some proxies send their own name as Host, so Host is not used if the browser has decided.
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

/**
 * Identifies the sender of a request, to share a limit between senders: the address of the connection, and the one that the last
 * proxy forwards for. Both can be forged, so it is used for nothing else.
 */
export function senderOf(request: IncomingMessage): string {
  const forwarded = String(request.headers['x-forwarded-for'] ?? '');
  return `${request.socket.remoteAddress ?? ''} ${forwarded
    .slice(forwarded.lastIndexOf(',') + 1)
    .trim()
    .slice(0, 64)}`;
}

export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}
