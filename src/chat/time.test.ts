import { formatTime } from './time.ts';

const now = new Date('2026-01-15T13:31:00Z');

test('a time is printed with its zone, and only the necessary part of the date', () => {
  expect(formatTime(now, 'Europe/Berlin', now)).toBe('14:31 CET');
  expect(formatTime(new Date('2026-01-12T13:31:00Z'), 'Europe/Berlin', now)).toBe('Mon 14:31 CET');
  expect(formatTime(new Date('2025-07-01T13:31:00Z'), 'Europe/Berlin', now)).toBe('2025-07-01 15:31 CEST');
});

test('zones with a name in British or American English are named, others have their offset', () => {
  expect(formatTime(now, 'America/New_York', now)).toBe('08:31 EST');
  expect(formatTime(now, 'Asia/Kolkata', now)).toBe('19:01 GMT+5:30');
  expect(formatTime(now, 'UTC', now)).toBe('13:31 UTC');
});
