import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingEvent, Route, RouteAnswer, RouteRequest } from '../connector.ts';
import type { JsonValue } from '../connector.ts';

/** Slack's recommendation: an older request may be a replay. */
const WINDOW_S = 5 * 60;
const MAX_BODY_BYTES = 1024 * 1024;

export interface RouteOptions {
  /** Called for each request: the secret may be rotated. */
  readonly signingSecret: () => Promise<string>;
  /** Parses an event, a press or a slash command; undefined: there is nothing to store. */
  readonly read: (kind: 'event' | 'press' | 'command', body: unknown) => Promise<IncomingEvent | undefined>;
  readonly now: () => number;
}

/** Slack posts events, presses and slash commands to one address, signed, and expects a response within three seconds. */
export function slackRoute({ signingSecret, read, now }: RouteOptions): Route {
  return {
    path: '',
    maxBodyBytes: MAX_BODY_BYTES,
    async handle(request, accept): Promise<RouteAnswer> {
      if (!isGenuine(request, await signingSecret(), now())) return { status: 401, body: 'the signature is wrong' };
      const posted = parse(request);
      if (!posted) return { status: 400, body: 'this is not a request from Slack' };
      if (posted.kind === 'challenge') return { status: 200, body: { challenge: posted.challenge } };
      if (posted.kind === 'check') return { status: 200 };
      const event = await read(posted.kind, posted.body);
      if (event) await accept([event]);
      return { status: 200 };
    },
  };
}

/** https://docs.slack.dev/authentication/verifying-requests-from-slack */
function isGenuine({ headers, rawBody }: RouteRequest, secret: string, nowMs: number): boolean {
  const timestamp = String(headers['x-slack-request-timestamp'] ?? '');
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > WINDOW_S) return false;
  const wanted = Buffer.from(
    `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(rawBody).digest('hex')}`,
  );
  const given = Buffer.from(String(headers['x-slack-signature'] ?? ''));
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

type Posted =
  | { readonly kind: 'challenge'; readonly challenge: string }
  | { readonly kind: 'check' }
  | { readonly kind: 'event' | 'press' | 'command'; readonly body: unknown };

function parse({ rawBody, headers }: RouteRequest): Posted | undefined {
  if (String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(rawBody.toString());
    const payload = form.get('payload');
    if (payload !== null) return { kind: 'press', body: json(payload) };
    if (form.has('ssl_check')) return { kind: 'check' };
    return form.has('command') ? { kind: 'command', body: Object.fromEntries(form) } : undefined;
  }
  const body = json(rawBody.toString());
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const { type, challenge, event } = body as { [key: string]: JsonValue };
  if (type === 'url_verification' && typeof challenge === 'string') return { kind: 'challenge', challenge };
  return type === 'event_callback' ? { kind: 'event', body: event } : { kind: 'check' };
}

function json(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
