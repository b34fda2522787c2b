import { acknowledge, type AckRequest } from './ack.ts';
import type { Ack } from './alert.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-03-01T03:00:00Z');
const inHours = (hours: number): string => new Date(now.getTime() + hours * HOUR_MS).toISOString();
const ann = { key: 'ann', name: 'Ann', person: 'ann', connector: 'memory', accountId: '@ann:test' };

const stands = (until: string | null, askedAt: string | null = null): Ack => ({
  ...{ owner: ann, at: inHours(-1), until, note: null, others: [], askedAt },
});
const says = (request: Partial<AckRequest>): AckRequest => ({
  ...{ holder: ann, now, forMs: undefined, timeoutMs: undefined, note: null, ...request },
});

test.each<[string, Ack, Partial<AckRequest>, string | null]>([
  ['an end that the policy gives is renewed', stands(inHours(1)), { timeoutMs: 4 * HOUR_MS }, inHours(4)],
  ['a later end stands', stands(inHours(8)), { timeoutMs: 4 * HOUR_MS }, inHours(8)],
  ['without an end it stays so, whatever the policy gives by now', stands(null), { timeoutMs: 4 * HOUR_MS }, null],
  ['an end stands where the policy gives none any more', stands(inHours(1)), {}, inHours(1)],
  ['what is said counts', stands(null), { forMs: HOUR_MS, timeoutMs: 4 * HOUR_MS }, inHours(1)],
  ['after the question the policy begins anew', stands(inHours(8), inHours(-1)), { timeoutMs: HOUR_MS }, inHours(1)],
])('said again by who has it: %s', (_, ack, request, until) => {
  expect(acknowledge(ack, says(request))).toMatchObject({ taken: 'again', ack: { until, askedAt: null } });
});
