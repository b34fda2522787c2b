import { RateLimited, type Operation } from '../connectors/connector.ts';
import { RateLimiter, RateLimits, type Rate } from './rate-limiter.ts';

const T = 1_000_000;

const limitsOf = (rate?: Rate, buckets?: (operation: Operation) => readonly string[]): RateLimits =>
  new RateLimits({ capabilities: { rate }, buckets } as ConstructorParameters<typeof RateLimits>[0]);
const inRoom = (room: string, type: 'edit' | 'delete' = 'delete'): Operation =>
  ({ type, key: { uuid: 'u', count: 0 }, room, target: 't', unknownTries: 0 }) as Operation;

test('without a configured rate there is never a wait', () => {
  const limits = limitsOf();
  for (let count = 0; count < 1000; count++) limits.spend(inRoom('a'));
  expect(limits.waitMs('a', T)).toBe(0);
  expect(limits.isThrottled('a', T)).toBe(false);
});

test('a configured rate allows a burst, then one request each interval', () => {
  const limits = limitsOf({ perSecond: 0.2, burst: 3 });
  for (let count = 0; count < 3; count++) {
    expect(limits.waitMs('a', T)).toBe(0);
    limits.spend(inRoom('a'));
  }
  expect(limits.waitMs('a', T)).toBeCloseTo(5000);
  expect(limits.waitMs('b', T)).toBeCloseTo(5000);
  expect(limits.waitMs('a', T + 4000)).toBeCloseTo(1000);
  expect(limits.waitMs('a', T + 5000)).toBe(0);
});

test('a long idle time allows no more than the burst', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 2 });
  limiter.waitMs(T);
  limiter.waitMs(T + 3_600_000);
  limiter.spend();
  limiter.spend();
  expect(limiter.waitMs(T + 3_600_000)).toBeCloseTo(1000);
});

test('waiting for the rate counts as throttled', () => {
  const limits = limitsOf({ perSecond: 1, burst: 1 });
  limits.waitMs('a', T);
  limits.spend(inRoom('a'));
  expect(limits.isThrottled('a', T)).toBe(false);
  limits.waitMs('a', T);
  expect(limits.isThrottled('a', T)).toBe(true);
  expect(limits.account.isThrottled(T)).toBe(true);
  expect(limits.everyMs('a', T)).toBe(1000);
});

test('a rate limit for one room delays only that room', () => {
  const limits = limitsOf();
  limits.of('room:a').refused(7000, T);
  expect([limits.waitMs('a', T), limits.waitMs('a', T + 6999), limits.waitMs('a', T + 7000)]).toEqual([7000, 1, 0]);
  expect([limits.waitMs('b', T), limits.account.waitMs(T)]).toEqual([0, 0]);
  expect([limits.isThrottled('a', T), limits.isThrottled('b', T), limits.account.isThrottled(T)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('a rate limit for the account delays every room', () => {
  const limits = limitsOf();
  limits.of('account').refused(7000, T);
  expect([limits.waitMs('a', T), limits.waitMs('b', T), limits.account.waitMs(T)]).toEqual([7000, 7000, 7000]);
  expect(limits.isThrottled('b', T)).toBe(true);
});

test('a rate limit for a kind of request delays that kind, in every room', () => {
  const limits = limitsOf(undefined, ({ type }) => (type === 'edit' ? ['chat.update'] : []));
  limits.of('chat.update').refused(7000, T);
  expect(limits.waitMs('a', T)).toBe(0);
  expect(limits.ownWaitMs(inRoom('a', 'edit'), T)).toBe(7000);
  expect(limits.ownWaitMs(inRoom('b', 'edit'), T + 6000)).toBe(1000);
  expect(limits.ownWaitMs(inRoom('a', 'delete'), T)).toBe(0);
  expect(limits.isThrottled('a', T)).toBe(false);
});

test('a later, shorter rate limit does not shorten the wait', () => {
  const limiter = new RateLimiter();
  limiter.refused(7000, T);
  limiter.refused(1000, T);
  expect(limiter.waitMs(T)).toBe(7000);
  expect(limiter.everyMs()).toBe(7000);
});

test('a platform that answers "retry after 0 ms" does not cause a busy loop', () => {
  const limiter = new RateLimiter();
  limiter.refused(0, T);
  expect(limiter.waitMs(T)).toBeGreaterThan(0);
});

test('a room counts as throttled for 20 seconds after a rate limit', () => {
  const limits = limitsOf();
  limits.room('a').refused(1000, T);
  expect(limits.isThrottled('a', T + 19_999)).toBe(true);
  expect(limits.isThrottled('a', T + 20_000)).toBe(false);
  expect([limits.everyMs('a', T), limits.everyMs('a', T + 20_000)]).toEqual([1000, null]);
});

test('waits grow with each failure up to half a minute, and start over after a success', () => {
  const limits = limitsOf();
  let nowMs = T;
  const fail = (limiter: RateLimiter): number => {
    const waitMs = limiter.failed(nowMs);
    nowMs += 40_000;
    return waitMs;
  };
  const waits = Array.from({ length: 9 }, () => fail(limits.room('a')));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  limits.succeeded('a');
  expect(fail(limits.room('a'))).toBe(500);
  expect([1, 2, 3].map(() => fail(limits.account))).toEqual([500, 1000, 2000]);
  limits.succeeded('b');
  expect(fail(limits.account)).toBe(500);
});

test('requests that fail together count as one failure', () => {
  const limiter = new RateLimiter();
  for (let request = 0; request < 30; request++) limiter.failed(T);
  expect(limiter.waitMs(T)).toBeLessThanOrEqual(625);
  expect(limiter.failed(T + 700)).toBe(1000);
});

test('waits after a failure vary, so that rooms do not all retry at once', () => {
  const waits = new Set<number>();
  for (let count = 0; count < 50; count++) {
    const limiter = new RateLimiter();
    limiter.failed(T);
    const waitMs = limiter.waitMs(T);
    expect(waitMs).toBeGreaterThanOrEqual(375);
    expect(waitMs).toBeLessThanOrEqual(625);
    waits.add(waitMs);
  }
  expect(waits.size).toBeGreaterThan(10);
});

test('failures and pauses do not count as throttling', () => {
  const limits = limitsOf();
  limits.room('a').failed(T);
  limits.room('b').pause(1000, T);
  expect([limits.waitMs('b', T), limits.isThrottled('a', T), limits.isThrottled('b', T)]).toEqual([1000, false, false]);
  limits.forget('b');
  expect(limits.waitMs('b', T)).toBe(0);
});

test('a rate limit for a bucket that the operation does not use makes the account wait', () => {
  const limits = limitsOf(undefined, () => ['chat.update']);
  limits.refused('a', inRoom('a', 'edit'), new RateLimited('chat.update', 5000), T);
  expect([limits.waitMs('a', T), limits.ownWaitMs(inRoom('a', 'edit'), T)]).toEqual([0, 5000]);
  limits.refused('direct:x', inRoom('place'), new RateLimited('room:place', 3000), T);
  expect([limits.waitMs('direct:x', T), limits.waitMs('a', T)]).toEqual([3000, 0]);
  limits.refused('a', inRoom('a'), new RateLimited('chat.postMessage', 1000), T);
  expect(limits.waitMs('b', T)).toBe(1000);
});
