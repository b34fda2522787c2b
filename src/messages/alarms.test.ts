import { ClockShift, createClock } from '../clock.ts';
import { Alarms } from './alarms.ts';

test('rooms that are due at the same moment ring together, each once, and never early', async () => {
  const shift = new ClockShift();
  const clock = createClock(shift);
  const rung: { rooms: string[]; at: Date }[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const alarms = new Alarms(clock, (rooms) => {
    rung.push({ rooms: [...rooms], at: clock.now() });
    if (rung.length === 2) resolve();
  });
  const due = new Date(Math.ceil(clock.now().getTime() / 100) * 100 + 100);
  const before = new Date(due.getTime() - 2);
  for (const room of ['a', 'b', 'a']) alarms.set(room, due);
  alarms.set('c', before);
  alarms.set('late', new Date(due.getTime() + 60));
  // The clock turns out to be fast: a plain timer would ring too early.
  shift.set(-30);
  await promise;
  expect(rung.map(({ rooms }) => rooms)).toEqual([['a', 'b', 'c'], ['late']]);
  expect(rung.every(({ at }) => at >= due)).toBe(true);
});

test('cleared alarms do not ring', async () => {
  const clock = createClock();
  const rung: string[] = [];
  const alarms = new Alarms(clock, (rooms) => void rung.push(...rooms));
  alarms.set('a', clock.now());
  alarms.clear();
  const { promise, resolve } = Promise.withResolvers<void>();
  new Alarms(clock, () => resolve()).set('b', clock.now());
  await promise;
  expect(rung).toEqual([]);
});
