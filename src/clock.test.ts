import { ClockShift, createClock, type Clock } from './clock.ts';

/** Simulates a query to a database whose clock is `aheadMs` ahead, with these delays there and back. */
function ask(clock: Clock, aheadMs: number, { thereMs = 1, backMs = 1 } = {}): void {
  const before = clock.monotonic();
  const databaseTime = new Date(Date.now() + aheadMs + thereMs);
  clock.measured(databaseTime, before, before + thereMs + backMs);
}

/** Difference to this machine's time. */
const ahead = (clock: Clock): number => clock.now().getTime() - Date.now();

test('a fast answer sets the clock', () => {
  const clock = createClock();
  for (let times = 0; times < 2; times++) ask(clock, 5000);
  expect(Math.abs(ahead(clock) - 5000)).toBeLessThan(50);
  ask(clock, -5000);
  expect(Math.abs(ahead(clock) + 5000)).toBeLessThan(50);
});

test('a slow answer does not move the clock if the two may agree, even the first one', () => {
  const clock = createClock();
  ask(clock, 0, { thereMs: 600 });
  expect(Math.abs(ahead(clock))).toBeLessThan(50);
  ask(clock, 0);
  ask(clock, 0, { backMs: 3000 });
  expect(Math.abs(ahead(clock))).toBeLessThan(50);
});

test('a slow answer moves the clock only as far as necessary if the two cannot agree', () => {
  const clock = createClock();
  ask(clock, 5000, { thereMs: 500, backMs: 500 });
  expect(Math.abs(ahead(clock) - 4500)).toBeLessThan(50);
  ask(clock, 5000);
  ask(clock, -5000, { thereMs: 500, backMs: 500 });
  expect(Math.abs(ahead(clock) + 4500)).toBeLessThan(50);
});

test('waiting work runs in order when the clock is moved, unless it was cancelled', async () => {
  const shift = new ClockShift();
  const clock = createClock(shift);
  const fired: string[] = [];
  const allFired = new Promise<void>((resolve) => {
    clock.after(40 * 86_400_000, () => (fired.push('late'), resolve()));
    clock.after(60_000, () => fired.push('soon'));
  });
  const cancel = clock.after(61_000, () => fired.push('called off'));
  cancel();
  shift.move(60_000);
  await new Promise<void>((resolve) => clock.after(0, resolve));
  expect(fired).toEqual(['soon']);
  shift.move(41 * 86_400_000);
  await allFired;
  expect(fired).toEqual(['soon', 'late']);
});
