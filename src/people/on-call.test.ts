import fc from 'fast-check';
import { dutyAt, type Layer, type Override, type Schedule } from './on-call.ts';
import { instantOf, wallAt } from './wall-time.ts';

const BERLIN = 'Europe/Berlin';
const weekly: Layer = { rotation: 'weekly', handover: 'Mon 09:00', start: '2026-01-05', people: ['ann', 'bob'] };
const schedule = (...layers: Layer[]): Schedule => ({ timeZone: BERLIN, layers });
const at = (time: string) => new Date(time);
const duty = (what: Schedule, time: string, overrides: Override[] = []) => {
  const { person, from, until } = dutyAt(what, overrides, at(time));
  return [person, from, until?.toISOString()];
};

describe('a weekly rotation', () => {
  test.each([
    ['2026-01-05T07:59:59Z', undefined, undefined, '2026-01-05T08:00:00.000Z'],
    ['2026-01-05T08:00:00Z', 'ann', 'layer', '2026-01-12T08:00:00.000Z'],
    ['2026-01-12T07:59:59Z', 'ann', 'layer', '2026-01-12T08:00:00.000Z'],
    ['2026-01-12T08:00:00Z', 'bob', 'layer', '2026-01-19T08:00:00.000Z'],
    // Clocks go forward on 29 March, so 09:00 is an hour earlier.
    ['2026-03-30T06:59:59Z', 'bob', 'layer', '2026-03-30T07:00:00.000Z'],
    ['2026-03-30T07:00:00Z', 'ann', 'layer', '2026-04-06T07:00:00.000Z'],
    ['2026-10-26T07:59:59Z', 'bob', 'layer', '2026-10-26T08:00:00.000Z'],
  ])('at %s', (time, ...expected) => {
    expect(duty(schedule(weekly), time)).toEqual(expected);
  });

  test('starting in the middle of a week has a shorter first turn', () => {
    const late = schedule({ ...weekly, start: '2026-01-07' });
    expect(duty(late, '2026-01-08T00:00:00Z')).toEqual(['ann', 'layer', '2026-01-12T08:00:00.000Z']);
    expect(duty(late, '2026-01-12T08:00:00Z')).toEqual(['bob', 'layer', '2026-01-19T08:00:00.000Z']);
  });

  test('with one person never ends', () => {
    expect(duty(schedule({ ...weekly, people: ['ann'] }), '2026-02-01T00:00:00Z')).toEqual(['ann', 'layer', undefined]);
  });
});

describe('daylight saving time', () => {
  const night: Layer = { rotation: 'daily', handover: '02:30', start: '2026-03-01', people: ['ann', 'bob'] };

  test('a handover at a skipped time is at the end of the gap', () => {
    // 02:00 becomes 03:00 on 29 March, at 01:00 UTC.
    expect(duty(schedule(night), '2026-03-29T00:59:59Z')).toEqual(['bob', 'layer', '2026-03-29T01:00:00.000Z']);
    expect(duty(schedule(night), '2026-03-29T01:00:00Z')).toEqual(['ann', 'layer', '2026-03-30T00:30:00.000Z']);
  });

  test('a handover at a repeated time is at the first occurrence, and is not undone by the second', () => {
    const before = duty(schedule(night), '2026-10-25T00:29:59Z');
    expect(before[2]).toBe('2026-10-25T00:30:00.000Z');
    const [after] = duty(schedule(night), '2026-10-25T00:30:00Z');
    expect(after).not.toBe(before[0]);
    expect(duty(schedule(night), '2026-10-25T01:10:00Z')).toEqual([after, 'layer', '2026-10-26T01:30:00.000Z']);
  });

  test('turns of several hours keep their wall-clock times', () => {
    const shifts = schedule({
      rotation: 12 * 3_600_000,
      handover: '08:00',
      start: '2026-03-28',
      people: ['ann', 'bob'],
    });
    expect(duty(shifts, '2026-03-28T12:00:00Z')).toEqual(['ann', 'layer', '2026-03-28T19:00:00.000Z']);
    expect(duty(shifts, '2026-03-28T19:00:00Z')).toEqual(['bob', 'layer', '2026-03-29T06:00:00.000Z']);
  });
});

describe('layers and overrides', () => {
  const nights = { hours: '22:00-06:00', days: 'Fri-Sun', timeZone: BERLIN };
  const both = schedule(weekly, { ...weekly, rotation: 'daily', people: ['cem'], during: nights });

  test.each([
    ['2026-01-09T20:59:59Z', 'ann', '2026-01-09T21:00:00.000Z'],
    ['2026-01-09T21:00:00Z', 'cem', '2026-01-10T05:00:00.000Z'],
    ['2026-01-10T05:00:00Z', 'ann', '2026-01-10T21:00:00.000Z'],
    // Sunday's night ends on Monday; Monday has no night.
    ['2026-01-12T04:59:59Z', 'cem', '2026-01-12T05:00:00.000Z'],
    ['2026-01-12T22:00:00Z', 'bob', '2026-01-16T21:00:00.000Z'],
  ])('the later layer wins during its hours: %s', (time, person, until) => {
    expect(duty(both, time)).toEqual([person, 'layer', until]);
  });

  const override = (id: number, person: string, from: string, until: string): Override => ({
    ...{ id, person },
    ...{ from: at(from), until: at(until) },
  });

  test('an override wins over every layer, and a later override over an earlier one', () => {
    const made = [
      override(1, 'dora', '2026-01-09T20:00:00Z', '2026-01-09T23:00:00Z'),
      override(2, 'eve', '2026-01-09T22:00:00Z', '2026-01-09T22:30:00Z'),
    ];
    expect(duty(both, '2026-01-09T19:00:00Z', made)).toEqual(['ann', 'layer', '2026-01-09T20:00:00.000Z']);
    expect(duty(both, '2026-01-09T21:00:00Z', made)).toEqual(['dora', 'override', '2026-01-09T22:00:00.000Z']);
    expect(duty(both, '2026-01-09T22:00:00Z', made)).toEqual(['eve', 'override', '2026-01-09T22:30:00.000Z']);
    expect(duty(both, '2026-01-09T22:45:00Z', made)).toEqual(['dora', 'override', '2026-01-09T23:00:00.000Z']);
    expect(duty(both, '2026-01-09T23:00:00Z', made)).toEqual(['cem', 'layer', '2026-01-10T05:00:00.000Z']);
  });

  test('without layers nobody is on call', () => {
    expect(duty(schedule(), '2026-01-09T19:00:00Z')).toEqual([undefined, undefined, undefined]);
  });
});

const zones = fc.constantFrom(
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'UTC',
  'America/Santiago',
);
const instants = fc.integer({ min: Date.parse('2025-06-01'), max: Date.parse('2028-01-01') });

test('converting an instant to wall time and back returns the same wall time', () => {
  fc.assert(
    fc.property(instants, zones, (instant, zone) => {
      const wall = wallAt(instant, zone);
      const found = instantOf(wall, zone);
      expect(wallAt(found, zone)).toBe(wall);
      expect(found).toBeLessThanOrEqual(instant);
    }),
  );
});

const layers = fc.record({
  rotation: fc.constantFrom('daily' as const, 'weekly' as const, 8 * 3_600_000, 36 * 3_600_000),
  handover: fc.constantFrom('Mon 09:00', '02:30', '00:00', 'Sun 23:45'),
  start: fc.constantFrom('2025-01-01', '2026-03-28', '2026-10-25'),
  people: fc.subarray(['ann', 'bob', 'cem', 'dora'], { minLength: 1 }),
  during: fc.option(
    fc.record({
      days: fc.option(fc.constantFrom('Mon-Fri', 'Sat-Mon', 'Wed'), { nil: undefined }),
      hours: fc.option(fc.constantFrom('09:00-18:00', '22:00-06:00', '00:00-24:00'), { nil: undefined }),
      timeZone: zones,
    }),
    { nil: undefined },
  ),
});

test('the person on call stays the same until the returned end, and changes then', () => {
  fc.assert(
    fc.property(
      fc.array(layers, { maxLength: 3 }),
      zones,
      instants,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (given, timeZone, instant, share) => {
        const what = { timeZone, layers: given };
        const now = dutyAt(what, [], new Date(instant));
        if (!now.until) return;
        const until = now.until.getTime();
        expect(until).toBeGreaterThan(instant);
        const between = Math.floor(instant + (until - 1 - instant) * share);
        expect(dutyAt(what, [], new Date(between)).person).toBe(now.person);
        expect(dutyAt(what, [], now.until).person).not.toBe(now.person);
      },
    ),
    { numRuns: 60 },
  );
});
