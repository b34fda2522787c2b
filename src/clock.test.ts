import { ClockShift, createClock, type Clock } from './clock.ts';

/** Lets it ask a database whose clock is so far ahead of this machine's, and whose answer comes back slowly. */
function ask(clock: Clock, aheadMs: number, { thereMs = 1, backMs = 1 } = {}): void {
  const before = clock.monotonic();
  const databaseTime = new Date(Date.now() + aheadMs + thereMs);
  clock.measured(databaseTime, before, before + thereMs + backMs);
}

/** How far ahead of this machine's time it is. */
const ahead = (clock: Clock): number => clock.now().getTime() - Date.now();

test('a quick answer pins it', () => {
  const clock = createClock();
  for (let times = 0; times < 2; times++) ask(clock, 5000);
  expect(Math.abs(ahead(clock) - 5000)).toBeLessThan(50);
  ask(clock, -5000);
  expect(Math.abs(ahead(clock) + 5000)).toBeLessThan(50);
});

test('a slow answer does not move it where the two may agree, be it the first', () => {
  const clock = createClock();
  ask(clock, 0, { thereMs: 600 });
  expect(Math.abs(ahead(clock))).toBeLessThan(50);
  ask(clock, 0);
  ask(clock, 0, { backMs: 3000 });
  expect(Math.abs(ahead(clock))).toBeLessThan(50);
});

test('a slow answer moves it where the two cannot agree, and no further than it must', () => {
  const clock = createClock();
  ask(clock, 5000, { thereMs: 500, backMs: 500 });
  expect(Math.abs(ahead(clock) - 4500)).toBeLessThan(50);
  ask(clock, 5000);
  ask(clock, -5000, { thereMs: 500, backMs: 500 });
  expect(Math.abs(ahead(clock) + 4500)).toBeLessThan(50);
});

test('what waits happens when the clock is moved there, in order, and not what was called off', async () => {
  const shift = new ClockShift();
  const clock = createClock(shift);
  const rung: string[] = [];
  const rings = new Promise<void>((resolve) => {
    clock.after(40 * 86_400_000, () => (rung.push('late'), resolve()));
    clock.after(60_000, () => rung.push('soon'));
  });
  const cancel = clock.after(61_000, () => rung.push('called off'));
  cancel();
  shift.move(60_000);
  await new Promise<void>((resolve) => clock.after(0, resolve));
  expect(rung).toEqual(['soon']);
  shift.move(41 * 86_400_000);
  await rings;
  expect(rung).toEqual(['soon', 'late']);
});
