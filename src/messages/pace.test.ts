import { Pace } from './pace.ts';

const T = 1_000_000;

test('without a configured rate a request may be made at once, however many there were', () => {
  const pace = new Pace(undefined);
  for (let count = 0; count < 1000; count++) pace.spend();
  expect(pace.waitMs('a', T)).toBe(0);
  expect(pace.isThrottled('a', T)).toBe(false);
});

test('a configured rate lets its burst through and then one in so many seconds', () => {
  const pace = new Pace({ perSecond: 0.2, burst: 3 });
  for (let count = 0; count < 3; count++) {
    expect(pace.waitMs('a', T)).toBe(0);
    pace.spend();
  }
  expect(pace.waitMs('a', T)).toBeCloseTo(5000);
  expect(pace.waitMs('b', T)).toBeCloseTo(5000);
  expect(pace.waitMs('a', T + 4000)).toBeCloseTo(1000);
  expect(pace.waitMs('a', T + 5000)).toBe(0);
});

test('a long rest saves up no more than the burst', () => {
  const pace = new Pace({ perSecond: 1, burst: 2 });
  pace.waitMs('a', T);
  pace.waitMs('a', T + 3_600_000);
  pace.spend();
  pace.spend();
  expect(pace.waitMs('a', T + 3_600_000)).toBeCloseTo(1000);
});

test('waiting for the rate counts as throttled', () => {
  const pace = new Pace({ perSecond: 1, burst: 1 });
  pace.waitMs('a', T);
  pace.spend();
  expect(pace.isThrottled('a', T)).toBe(false);
  pace.waitMs('a', T);
  expect(pace.isThrottled('a', T)).toBe(true);
  expect(pace.isAccountThrottled(T)).toBe(true);
});

test('what a platform refuses for one room holds up that room only', () => {
  const pace = new Pace(undefined);
  pace.rateLimited('room', 'a', 7000, T);
  expect(pace.waitMs('a', T)).toBe(7000);
  expect(pace.waitMs('a', T + 6999)).toBe(1);
  expect(pace.waitMs('a', T + 7000)).toBe(0);
  expect(pace.waitMs('b', T)).toBe(0);
  expect(pace.accountWaitMs(T)).toBe(0);
  expect([pace.isThrottled('a', T), pace.isThrottled('b', T), pace.isAccountThrottled(T)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('what it refuses for the account holds up every room', () => {
  const pace = new Pace(undefined);
  pace.rateLimited('account', 'a', 7000, T);
  expect([pace.waitMs('a', T), pace.waitMs('b', T), pace.accountWaitMs(T)]).toEqual([7000, 7000, 7000]);
  expect(pace.isThrottled('b', T)).toBe(true);
});

test('a later, shorter refusal does not shorten the wait', () => {
  const pace = new Pace(undefined);
  pace.rateLimited('room', 'a', 7000, T);
  pace.rateLimited('room', 'a', 1000, T);
  expect(pace.waitMs('a', T)).toBe(7000);
});

test('a platform that says "wait 0 ms" is not asked in a circle', () => {
  const pace = new Pace(undefined);
  pace.rateLimited('room', 'a', 0, T);
  expect(pace.waitMs('a', T)).toBeGreaterThan(0);
});

test('a room counts as throttled for a while after the refusal, and no longer', () => {
  const pace = new Pace(undefined);
  pace.rateLimited('room', 'a', 1000, T);
  expect(pace.isThrottled('a', T + 19_999)).toBe(true);
  expect(pace.isThrottled('a', T + 20_000)).toBe(false);
});

test('waits grow with each failure up to half a minute, and begin anew after a success', () => {
  const pace = new Pace(undefined);
  let nowMs = T;
  const fail = (scope: 'room' | 'account'): number => {
    const waitMs = pace.failed(scope, 'a', nowMs);
    nowMs += 40_000;
    return waitMs;
  };
  const waits = Array.from({ length: 9 }, () => fail('room'));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  pace.succeeded('a');
  expect(fail('room')).toBe(500);
  expect([1, 2, 3].map(() => fail('account'))).toEqual([500, 1000, 2000]);
  pace.succeeded('b');
  expect(fail('account')).toBe(500);
});

test('requests that fail together are one failure', () => {
  const pace = new Pace(undefined);
  for (let request = 0; request < 30; request++) pace.failed('account', `room ${request}`, T);
  expect(pace.accountWaitMs(T)).toBeLessThanOrEqual(625);
  expect(pace.failed('account', 'a', T + 700)).toBe(1000);
});

test('failures of one room hold up no other, those of the account hold up all', () => {
  const pace = new Pace(undefined);
  pace.failed('room', 'a', T);
  expect(pace.waitMs('a', T)).toBeGreaterThan(0);
  expect(pace.waitMs('b', T)).toBe(0);
  pace.failed('account', 'a', T);
  expect(pace.waitMs('b', T)).toBeGreaterThan(0);
});

test('a wait after a failure is spread, so that rooms do not all come back at once', () => {
  const waits = new Set<number>();
  for (let count = 0; count < 50; count++) {
    const pace = new Pace(undefined);
    pace.failed('room', 'a', T);
    const waitMs = pace.waitMs('a', T);
    expect(waitMs).toBeGreaterThanOrEqual(375);
    expect(waitMs).toBeLessThanOrEqual(625);
    waits.add(waitMs);
  }
  expect(waits.size).toBeGreaterThan(10);
});

test('a failure is no throttling: nothing is folded because of it', () => {
  const pace = new Pace(undefined);
  pace.failed('room', 'a', T);
  expect(pace.isThrottled('a', T)).toBe(false);
});
