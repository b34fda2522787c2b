import { createGuessLimit } from './guess-limit.ts';

function start() {
  const state = { nowMs: 1_800_000_000_000 };
  const limit = createGuessLimit(() => state.nowMs);
  const tries = (sender: string, count: number): number =>
    Array.from({ length: count }, () => limit.take({ sender })).filter((waitMs) => waitMs === 0).length;
  return { state, limit, tries };
}

test('a guessing sender does not lock out another one, and is told how long to wait', () => {
  const { state, limit, tries } = start();
  expect(tries('a', 100)).toBe(5);
  expect(limit.take({ sender: 'a' })).toBe(12_000);
  expect(tries('b', 1)).toBe(1);
  state.nowMs += 12_000;
  expect(tries('a', 100)).toBe(1);
});

test('40 senders together are limited too', () => {
  const { state, tries } = start();
  const hour = (): number => {
    let count = 0;
    for (let second = 0; second < 3600; second++) {
      state.nowMs += 1000;
      for (let sender = 0; sender < 40; sender++) count += tries(`10.0.0.${sender}`, 1);
    }
    return count;
  };
  expect(hour()).toBeLessThanOrEqual(30 + 360);
});

test('a browser that was signed in before has a separate limit, which others cannot exhaust', () => {
  const { limit, tries } = start();
  for (let sender = 0; sender < 40; sender++) tries(`10.0.0.${sender}`, 5);
  expect(tries('10.0.1.1', 1)).toBe(0);
  const known = { sender: '10.0.0.1', browser: 'b1' };
  expect(Array.from({ length: 6 }, () => limit.take(known))).toEqual([0, 0, 0, 0, 0, 12_000]);
});

test('a correct password does not count, and setting the clock back locks nobody out', () => {
  const { state, limit, tries } = start();
  for (let count = 0; count < 100; count++) {
    expect(limit.take({ sender: 'a' })).toBe(0);
    limit.refund({ sender: 'a' });
  }
  expect(tries('a', 100)).toBe(5);
  state.nowMs -= 3_600_000;
  expect(limit.take({ sender: 'a' })).toBe(12_000);
});
