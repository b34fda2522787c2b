import type { ServerResponse } from 'node:http';
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

/** What happens instead of the work. */
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

/** What becomes of the answer when the work is done. */
export function afterwards(fault: Fault, response: ServerResponse): 'answered' | undefined {
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
    case 'hangAfter':
      return 'answered';
    default:
      return undefined;
  }
}
