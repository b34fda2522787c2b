import { startOfDay } from './start-of-day.ts';

test.each([
  ['UTC', '2027-12-01', '2027-12-01T00:00:00.000Z'],
  ['America/New_York', '2027-12-01', '2027-12-01T05:00:00.000Z'],
  ['Asia/Kolkata', '2027-12-01', '2027-11-30T18:30:00.000Z'],
  // Clocks go forward, and back, at some hour of that day.
  ['Pacific/Auckland', '2027-09-26', '2027-09-25T12:00:00.000Z'],
  ['Pacific/Auckland', '2027-04-04', '2027-04-03T11:00:00.000Z'],
  ['America/New_York', '2027-03-14', '2027-03-14T05:00:00.000Z'],
  ['America/New_York', '2027-11-07', '2027-11-07T04:00:00.000Z'],
  // They skip midnight, and show it twice.
  ['America/Santiago', '2024-09-08', '2024-09-08T04:00:00.000Z'],
  ['America/Havana', '2024-11-03', '2024-11-03T04:00:00.000Z'],
])('in %s %s starts at %s', (timeZone, day, begin) => {
  expect(startOfDay(day, timeZone)?.toISOString()).toBe(begin);
});

test.each(['2026-02-30', '2026-2-3', 'tomorrow', '', '0000-01-01'])('"%s" is not a day', (text) => {
  expect(startOfDay(text, 'America/New_York')).toBeUndefined();
});
