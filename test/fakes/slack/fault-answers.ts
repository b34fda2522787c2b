import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { reply } from './replies.ts';
import type { Reply } from './replies.ts';
import type { Fault } from './types.ts';

const HTML = '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Slack is unavailable</body></html>';

export function limited(retryAfterSeconds: number): Reply {
  return {
    status: 429,
    headers: { 'Retry-After': String(retryAfterSeconds) },
    body: { ok: false, error: 'ratelimited' },
  };
}

/** The response that replaces executing the request. */
export function instead(fault: Fault, response: ServerResponse): Reply | 'answered' | undefined {
  switch (fault.kind) {
    case 'limited':
      return limited(fault.retryAfterSeconds ?? 1);
    case 'error':
      return { status: 500, body: 'internal error' };
    case 'html':
      return { status: 502, headers: { 'Content-Type': 'text/html' }, body: HTML };
    case 'refuse':
      return { status: 200, body: { ok: false, error: fault.error ?? 'restricted_action' } };
    case 'unauthorised':
      return { status: 200, body: { ok: false, error: 'invalid_auth' } };
    case 'drop':
      response.socket?.destroy();
      return 'answered';
    case 'hang':
      return 'answered';
    default:
      return undefined;
  }
}

/** Fails the response after the request was executed. */
export function afterwards(fault: Fault, response: ServerResponse, done: Reply): 'answered' | undefined {
  switch (fault.kind) {
    case 'errorAfter':
      reply(response, { status: 500, body: 'internal error' });
      return 'answered';
    case 'htmlAfter':
      reply(response, { status: 502, headers: { 'Content-Type': 'text/html' }, body: HTML });
      return 'answered';
    case 'dropAfter':
      response.socket?.destroy();
      return 'answered';
    case 'half': {
      const body = JSON.stringify(done.body);
      response.writeHead(done.status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
      response.write(body.slice(0, body.length / 2), () => response.socket?.destroy());
      return 'answered';
    }
    case 'hangAfter':
      return 'answered';
    default:
      return undefined;
  }
}

/** Fails a Socket Mode connection; false: it may be opened. */
export function refuseUpgrade(fault: Fault | undefined, socket: Duplex): boolean {
  const status = fault && {
    limited: '429 Too Many Requests',
    error: '500 Internal Server Error',
    html: '502 Bad Gateway',
  };
  const line = status?.[fault?.kind as keyof typeof status];
  if (line !== undefined) socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\n\r\n`);
  else if (fault?.kind === 'drop') socket.destroy();
  else if (fault?.kind !== 'hang') return false;
  return true;
}
