import fc from 'fast-check';
import { parseHours, suggestSlots } from './slots.ts';

const monday = new Date('2026-01-05T10:00:00Z');

test('two slots are within the working hours of everyone, on different days', () => {
  const berlin = { timeZone: 'Europe/Berlin', hours: 'Mon-Fri 09:00-18:00' };
  const boston = { timeZone: 'America/New_York', hours: 'Mon-Thu 08:00-16:00' };
  fc.assert(
    fc.property(fc.nat(100_000), (seed) => {
      const slots = suggestSlots([berlin, boston], monday, seed);
      expect(new Set(slots.map((slot) => slot.toISOString().slice(0, 10))).size).toBe(2);
      for (const slot of slots) {
        // 08:00 in Boston is 13:00 in Greenwich; Berlin goes home at 17:00 there.
        expect(slot.getUTCHours() + slot.getUTCMinutes() / 60).toBeGreaterThanOrEqual(13);
        expect(slot.getUTCHours() + slot.getUTCMinutes() / 60).toBeLessThanOrEqual(16.5);
        expect([1, 2, 3, 4]).toContain(slot.getUTCDay());
        expect(slot.getTime()).toBeGreaterThan(monday.getTime() + 11 * 3_600_000);
      }
    }),
  );
});

test('working hours that do not overlap give no slots', () => {
  const early = { timeZone: 'UTC', hours: 'Mon-Fri 06:00-09:00' };
  const late = { timeZone: 'UTC', hours: 'Mon-Fri 09:00-12:00' };
  expect(suggestSlots([early, late], monday, 1)).toEqual([]);
  expect(suggestSlots([early, { timeZone: 'UTC', hours: 'Sat,Sun 06:00-09:00' }], monday, 1)).toEqual([]);
});

test('one common day gives one slot, and people without working hours have the usual ones', () => {
  const wednesday = { timeZone: 'Asia/Kolkata', hours: 'Wed 10:00-11:00' };
  const [slot, ...more] = suggestSlots([wednesday, { timeZone: 'Asia/Kolkata', hours: undefined }], monday, 3);
  expect(slot?.toISOString()).toMatch(/^2026-01-07T0(4:30|5:00)/);
  expect(more).toEqual([]);
});

test('ranges of days can wrap around the week', () => {
  expect([...parseHours('Sat-Mon,Wed 08:00-24:00').days]).toEqual(['Sat', 'Sun', 'Mon', 'Wed']);
  expect(parseHours('Mon 08:30-24:00')).toMatchObject({ from: 510, to: 1440 });
});
