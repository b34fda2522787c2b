import fc from 'fast-check';
import { getTasks } from 'node-cron';
import { nextTick } from './next-tick.ts';

const at = (text: string): Date => new Date(text);
const next = (expression: string, zone: string, after: string): string | undefined =>
  nextTick(expression, zone, at(after))?.toISOString();

/** The next `count` ticks after a time. */
function ticks(expression: string, zone: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (let time: Date | undefined = at(after); found.length < count;) {
    time = nextTick(expression, zone, time);
    if (!time) break;
    found.push(time.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

test('times are in the zone, in summer and winter', () => {
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-01-10T00:00:00Z')).toBe('2026-01-10T08:00:00.000Z');
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-07-10T00:00:00Z')).toBe('2026-07-10T07:00:00.000Z');
});

test('09:00 stays 09:00 across a clock change', () => {
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T07:00:00.000Z');
  expect(next('0 9 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T08:00:00.000Z');
});

test.each<[string, string, string, string, string[]]>([
  [
    'a skipped time ticks once, at the first minute after the gap',
    ...(['30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z'] as const),
    ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z', '2026-03-31T00:30Z'],
  ],
  [
    'several skipped times tick once, together with one at the end of the gap',
    ...(['*/20 2,3 * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z'] as const),
    ['2026-03-29T01:00Z', '2026-03-29T01:20Z', '2026-03-29T01:40Z', '2026-03-30T00:00Z'],
  ],
  [
    'a repeated time ticks at its first occurrence',
    ...(['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z'] as const),
    ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    'even when the check is between the two occurrences',
    ...(['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z'] as const),
    ['2026-10-26T01:30Z'],
  ],
  [
    'an hourly cron ticks in a repeated hour',
    ...(['30 * * * *', 'Europe/Berlin', '2026-10-24T23:00:00Z'] as const),
    ['2026-10-24T23:30Z', '2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'],
  ],
  [
    'an hourly cron does not tick for a skipped hour',
    ...(['30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z'] as const),
    ['2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z'],
  ],
  [
    'a skipped midnight',
    ...(['0 0 * * *', 'Africa/Cairo', '2026-04-22T12:00:00Z'] as const),
    ['2026-04-22T22:00Z', '2026-04-23T22:00Z', '2026-04-24T21:00Z'],
  ],
  [
    'a clock change of half an hour',
    ...(['15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T20:00:00Z'] as const),
    ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
  ],
  [
    'a skipped day',
    ...(['0 9 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z'] as const),
    ['2011-12-30T10:00Z', '2012-12-29T19:00Z'],
  ],
])('%s', (_, expression, zone, after, expected) =>
  expect(ticks(expression, zone, after, expected.length)).toEqual(expected),
);

test('an expression that restricts both days ticks on either, as in cron', () => {
  expect(ticks('0 9 13 * 5', 'UTC', '2026-02-01T00:00:00Z', 5)).toEqual(
    ['06', '13', '20', '27'].map((day) => `2026-02-${day}T09:00Z`).concat('2026-03-06T09:00Z'),
  );
});

test('lists, ranges, steps and names are supported', () => {
  expect(ticks('*/15 8-9 * jan,feb mon-tue', 'UTC', '2026-01-06T08:40:00Z', 3)).toEqual([
    '2026-01-06T08:45Z',
    '2026-01-06T09:00Z',
    '2026-01-06T09:15Z',
  ]);
  expect(next('0 0 * * 7', 'UTC', '2026-01-06T00:00:00Z')).toBe('2026-01-11T00:00:00.000Z');
});

test('the next tick is after the given time, never at it', () => {
  expect(next('0 9 * * *', 'UTC', '2026-01-10T09:00:00Z')).toBe('2026-01-11T09:00:00.000Z');
  expect(next('0 9 * * *', 'UTC', '2026-01-10T08:59:59.999Z')).toBe('2026-01-10T09:00:00.000Z');
});

test('a day that does not exist never ticks, and a rare day does', () => {
  expect(next('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z')).toBeUndefined();
  expect(next('0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z')).toBe('2104-02-29T00:00:00.000Z');
});

test.each(['', 'x', '0 9 * *', '0 0 9 * * *', '60 9 * * *', '0 24 * * *', '0 9 * * mon-'])(
  '"%s" is not an expression',
  (expression) => {
    expect(() => nextTick(expression, 'UTC', new Date())).toThrow(/five fields|invalid/i);
  },
);

test('in every zone, a tick is the first matching minute, and the check leaves no node-cron tasks behind', () => {
  const zone = fc.constantFrom(
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'America/Santiago',
  );
  const after = fc.date({ min: at('2024-01-01'), max: at('2027-01-01'), noInvalidDate: true });
  const clock = (timeZone: string, date: Date): string =>
    new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(date);
  fc.assert(
    fc.property(zone, after, fc.nat(23), fc.nat(59), (timeZone, from, hour, minute) => {
      const tick = nextTick(`${minute} ${hour} * * *`, timeZone, from);
      if (!tick) throw new Error('it never ticks');
      const elapsedMs = tick.getTime() - from.getTime();
      expect(elapsedMs).toBeGreaterThan(0);
      expect(elapsedMs).toBeLessThanOrEqual(25 * 3_600_000);
      const wanted = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
      // Otherwise it is the first minute after a gap that contains the time.
      if (clock(timeZone, tick) !== wanted)
        expect(clock(timeZone, new Date(tick.getTime() - 60_000)) < wanted && wanted < clock(timeZone, tick)).toBe(
          true,
        );
    }),
  );
  expect(getTasks().size).toBe(0);
});
