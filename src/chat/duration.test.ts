import { formatDuration, parseDuration } from './duration.ts';

test('durations have one or several units; anything else is rejected', () => {
  expect(parseDuration('90s')).toBe(90_000);
  expect(parseDuration('1h30m')).toBe(5_400_000);
  expect(parseDuration('5D')).toBe(432_000_000);
  for (const wrong of ['', '5', 'm', '0s', '-1h', '1.5h', '1 h', '9999999w', '５m'])
    expect(parseDuration(wrong)).toBeUndefined();
});

test('durations are formatted in at most two units', () => {
  expect(formatDuration(12_000)).toBe('12 s');
  expect(formatDuration(37 * 60_000)).toBe('37 min');
  expect(formatDuration(125 * 60_000)).toBe('2 h 5 min');
  expect(formatDuration(76 * 3_600_000)).toBe('3 d 4 h');
});
