import { createHmac } from 'node:crypto';
import type { IncomingEvent, RouteRequest } from '../connector.ts';
import { slackRoute } from './route.ts';

const NOW_S = 1_700_000_000;
const read: [string, unknown][] = [];
const pressed = { id: 'press' } as IncomingEvent;
const route = slackRoute({
  signingSecret: async () => 'secret',
  read: async (kind, body) => (read.push([kind, body]), pressed),
  now: () => NOW_S * 1000,
});
const accepted: IncomingEvent[] = [];
const accept = async (events: readonly IncomingEvent[]): Promise<void> => void accepted.push(...events);

afterEach(() => void [read.splice(0), accepted.splice(0)]);

function signed(body: string, { at = NOW_S, secret = 'secret', type = 'application/json' } = {}): RouteRequest {
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
  return {
    headers: { 'x-slack-request-timestamp': String(at), 'x-slack-signature': signature, 'content-type': type },
    ...{ rawBody: Buffer.from(body), query: new URLSearchParams(), remoteAddress: '127.0.0.1' },
  };
}
const form = (fields: Record<string, string>): RouteRequest =>
  signed(new URLSearchParams(fields).toString(), { type: 'application/x-www-form-urlencoded' });

test('the URL verification of Slack is answered', async () => {
  const body = JSON.stringify({ type: 'url_verification', challenge: 'abc', token: 't' });
  expect(await route.handle(signed(body), accept)).toEqual({ status: 200, body: { challenge: 'abc' } });
  expect(read).toEqual([]);
});

test('events, presses and slash commands arrive at one address and are answered once they are stored', async () => {
  const event = { type: 'message' };
  expect(await route.handle(signed(JSON.stringify({ type: 'event_callback', event })), accept)).toEqual({
    status: 200,
  });
  const payload = { type: 'block_actions' };
  expect(await route.handle(form({ payload: JSON.stringify(payload) }), accept)).toEqual({ status: 200 });
  expect(await route.handle(form({ command: '/bell', text: 'ack 12' }), accept)).toEqual({ status: 200 });
  expect(read).toEqual([
    ['event', event],
    ['press', payload],
    ['command', { command: '/bell', text: 'ack 12' }],
  ]);
  expect(accepted).toEqual([pressed, pressed, pressed]);
});

const FORGED: [string, RouteRequest][] = [
  ['signed with another secret', signed('{"type":"event_callback"}', { secret: 'guessed' })],
  ['older than five minutes', signed('{"type":"event_callback"}', { at: NOW_S - 301 })],
  ['from the future', signed('{"type":"event_callback"}', { at: NOW_S + 301 })],
  ['without a signature', { ...signed('{}'), headers: {} }],
  ['with a body other than the signed one', { ...signed('{}'), rawBody: Buffer.from('{"type":"event_callback"}') }],
];

test.each(FORGED)('a request %s is rejected unread', async (_, request) => {
  expect(await route.handle(request, accept)).toMatchObject({ status: 401 });
  expect([read, accepted]).toEqual([[], []]);
});

test.each(['not JSON', '[]', 'null', '5'])('a body that Slack would not send is rejected: %s', async (body) => {
  expect(await route.handle(signed(body), accept)).toMatchObject({ status: 400 });
});

test('a genuine request with nothing to store is answered', async () => {
  expect(await route.handle(signed('{"type":"app_rate_limited"}'), accept)).toEqual({ status: 200 });
  expect(await route.handle(form({ ssl_check: '1' }), accept)).toEqual({ status: 200 });
  expect(accepted).toEqual([]);
});
