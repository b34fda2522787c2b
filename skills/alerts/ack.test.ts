import { acknowledge, type AckRequest } from './ack.ts';
import type { Ack } from './alert.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-03-01T03:00:00Z');
const inHours = (hours: number): string => new Date(now.getTime() + hours * HOUR_MS).toISOString();
const ann = { key: 'ann', name: 'Ann', person: 'ann', connector: 'memory', accountId: '@ann:test' };

const acked = (until: string | null, askedAt: string | null = null): Ack => ({
  ...{ owner: ann, at: inHours(-1), until, note: null, others: [], askedAt },
});
const asked = (request: Partial<AckRequest>): AckRequest => ({
  ...{ holder: ann, now, forMs: undefined, timeoutMs: undefined, note: null, ...request },
});

test.each<[string, Ack, Partial<AckRequest>, string | null]>([
  ['the timeout of the policy is renewed', acked(inHours(1)), { timeoutMs: 4 * HOUR_MS }, inHours(4)],
  ['a later end is kept', acked(inHours(8)), { timeoutMs: 4 * HOUR_MS }, inHours(8)],
  ['without an end there is still none, whatever the policy says now', acked(null), { timeoutMs: 4 * HOUR_MS }, null],
  ['an end is kept when the policy has no timeout any more', acked(inHours(1)), {}, inHours(1)],
  ['a typed duration counts', acked(null), { forMs: HOUR_MS, timeoutMs: 4 * HOUR_MS }, inHours(1)],
  ['after the question the timeout starts again', acked(inHours(8), inHours(-1)), { timeoutMs: HOUR_MS }, inHours(1)],
])('another ack by the owner: %s', (_, ack, request, until) => {
  expect(acknowledge(ack, asked(request))).toMatchObject({ result: 'renewed', ack: { until, askedAt: null } });
});
