import { createHmac } from 'node:crypto';
import { map } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import type { Delivered, Envelope, Retry } from './outbox.ts';

/** A request as the app receives it. */
export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Signs a body as Slack does: `v0:timestamp:body`. */
export function sign(secret: string, body: string, atMs: number): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000));
  const digest = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
  return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${digest}` };
}

/** Events in JSON, presses and slash commands as forms. */
export function signedRequest(
  secret: string,
  envelope: Envelope,
  retry: Retry | undefined,
  atMs: number,
): SignedRequest {
  const { kind, payload } = envelope;
  const body =
    kind === 'events_api'
      ? JSON.stringify(payload)
      : kind === 'interactive'
        ? new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
        : new URLSearchParams(
            Object.entries(payload).map(([name, value]): [string, string] => [name, String(value)]),
          ).toString();
  return {
    headers: {
      'content-type': kind === 'events_api' ? 'application/json' : 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
      ...sign(secret, body, atMs),
      ...(retry ? { 'x-slack-retry-num': String(retry.attempt), 'x-slack-retry-reason': retry.reason } : {}),
    },
    body,
  };
}

/** Posts one request; anything but a 2xx response in time is a failure. */
export async function postRequest(url: string, request: SignedRequest, timeoutMs: number): Promise<Delivered> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...request.headers },
      body: request.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answered = await response.text();
    if (response.ok) return { ok: true, response: parsed(answered) };
    return { ok: false, reason: 'http_error', isFinal: response.headers.get('x-slack-no-retry') === '1' };
  } catch (error) {
    const isTimeout = (error as Error).name === 'TimeoutError';
    return { ok: false, reason: isTimeout ? 'http_timeout' : 'connection_failed' };
  }
}

/** Whether an address passes `url_verification`. */
export async function verifyUrl(url: string, secret: string, atMs: number): Promise<boolean> {
  const challenge = '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P';
  const body = JSON.stringify({ token: 'verification-token', challenge, type: 'url_verification' });
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...sign(secret, body, atMs) },
    body,
  });
  const answered = await response.text();
  return response.ok && (answered === challenge || parsed(answered)['challenge'] === challenge);
}

function parsed(answered: string): JsonMap {
  if (answered === '') return {};
  try {
    return map(JSON.parse(answered) as Json);
  } catch {
    return { text: answered };
  }
}
