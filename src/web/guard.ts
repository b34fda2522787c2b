import type { IncomingMessage } from 'node:http';

/**
 * True unless the request was made by a page of another site. Browsers say so in `Sec-Fetch-Site`, which no page can set;
 * over plain http and where they are older, `Origin` comes with every POST. Programs send neither and carry no cookies by
 * accident.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  // A plain proxy passes its own name on as Host, so where the browser judges, Host is not asked.
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

/**
 * Whom a request is from, to divide among senders what all of them may try: the connection's address, and whom the last
 * proxy says it speaks for. Both may be made up, so nothing else is decided by it.
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
