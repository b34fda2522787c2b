import type { IncomingMessage } from 'node:http';

/** What proxies add, those of Istio (Envoy) and Linkerd too, which stand beside the bot in its own pod. */
const OF_PROXIES = /^(?:forwarded|via|x-real-ip|x-request-id|x-forwarded-.*|x-envoy-.*|l5d-.*)$/;

/**
 * True for a browser on this machine: the connection comes from its loopback address, and the name in the address bar
 * is a loopback name (a page elsewhere whose name was made to point here, DNS rebinding, still sends its own). A proxy
 * on this machine serves others, so what says that it was forwarded is not local.
 */
export function isLocal(request: IncomingMessage): boolean {
  const { headers, socket } = request;
  if (Object.keys(headers).some((name) => OF_PROXIES.test(name))) return false;
  return isLoopbackAddress(socket.remoteAddress ?? '') && isLoopbackName(headers.host ?? '');
}

function isLoopbackAddress(address: string): boolean {
  const v4 = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  // No other: Istio's proxy hands on what others sent from 127.0.0.6.
  return v4 === '::1' || v4 === '127.0.0.1';
}

function isLoopbackName(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || name.endsWith('.localhost') || /^127\.\d+\.\d+\.\d+$/.test(name);
}

/**
 * True unless the request was made by a page of another site. Browsers send `Origin` with every POST, and
 * `Sec-Fetch-Site` where they are newer; programs send neither and carry no cookies by accident.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}
