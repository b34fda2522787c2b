import { readEnvironment } from './environment.ts';
import { nearest } from './nearest.ts';
import { substitute } from './substitute.ts';
import { date, dayAndTime, days, isTimeZone, parseSize, workingHours } from './words.ts';

test.each([
  ['32MiB', 33_554_432],
  ['64KiB', 65_536],
  ['1B', 1],
  ['1GiB', 1_073_741_824],
  ['2GiB', undefined],
  ['0B', undefined],
  ['32MB', undefined],
  ['32', undefined],
  ['-1KiB', undefined],
])('%s is %p bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test('days, hours and existing dates are accepted', () => {
  for (const text of ['Mon-Fri', 'Mon,Wed-Thu', 'Sat, Sun']) expect(days.safeParse(text).success).toBe(true);
  for (const text of ['mon', 'Mon-', 'Mo', '']) expect(days.safeParse(text).success).toBe(false);
  expect(workingHours.safeParse('Mon-Fri 09:00-18:00').success).toBe(true);
  expect(workingHours.safeParse('Mon-Fri 9:00-18:00').success).toBe(false);
  expect(dayAndTime.safeParse('Mon 24:00').success).toBe(false);
  for (const text of ['2026-02-30', '2026-13-01', '26-01-01', '2026-1-1'])
    expect(date.safeParse(text).success).toBe(false);
  expect(date.safeParse('2028-02-29').success).toBe(true);
});

test('a time zone is a name, not an offset', () => {
  expect(['Europe/Berlin', 'UTC'].map(isTimeZone)).toEqual([true, true]);
  expect(['+02:00', 'Europe/Belin', '', 'Mars'].map(isTimeZone)).toEqual([false, false, false, false]);
});

test('the nearest word is suggested, two swapped letters count once, and distant words are not suggested', () => {
  expect(nearest('opps', ['random', 'ops'])).toBe('ops');
  expect(nearest('rign', ['ring', 'rain'])).toBe('ring');
  expect(nearest('x', ['y', 'ops'])).toBeUndefined();
  expect(nearest('silence', ['alerts', 'close'])).toBeUndefined();
  expect(nearest('a'.repeat(10_000), ['a'])).toBeUndefined();
});

test.each([
  ['a ${X} b', 'a 1 b', 0],
  ['${X:-2}', '1', 0],
  ['${E:-2}', '2', 0],
  ['${E}', '', 0],
  ['${N:-}', '', 0],
  ['${N:-a:-b}', 'a:-b', 0],
  ['$$ $${X} $X $', '$ ${X} $X $', 0],
  ['^pay$', '^pay$', 0],
  ['${N}', '${N}', 1],
  ['${toString}', '${toString}', 1],
  ['${', '${', 1],
  ['${1}', '${1}', 1],
  ['${X', '${X', 1],
])('%s becomes %s', (text, expected, problems) => {
  const problemsFound: string[] = [];
  expect(substitute(text, { X: '1', E: '' }, (one) => problemsFound.push(one))).toBe(expected);
  expect(problemsFound).toHaveLength(problems);
});

test('environment variables have defaults, and an unknown log level means info', () => {
  expect(readEnvironment({})).toMatchObject({
    configPath: undefined,
    secretsDirectory: '/run/secrets/watchbell',
    logLevel: 'info',
  });
  expect(readEnvironment({ LOG_LEVEL: 'DEBUG', WATCHBELL_CONFIG: '/c', WATCHBELL_SECRETS: '/s' })).toMatchObject({
    configPath: '/c',
    secretsDirectory: '/s',
    logLevel: 'debug',
  });
  expect(readEnvironment({ LOG_LEVEL: 'loud' }).logLevel).toBe('info');
});
