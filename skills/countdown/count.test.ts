import fc from 'fast-check';
import {
  dueAt,
  validUntil,
  numberOf,
  parseLength,
  positionAt,
  numbersBetween,
  slowerStep,
  type Count,
} from './count.ts';

const count = (given: Partial<Count>): Count => ({
  ...{
    id: 1,
    connector: 'memory',
    room: 'lobby',
    began: {
      kind: 'account',
      connector: 'memory',
      accountId: '@ann:test',
      name: 'Ann',
      groups: [],
      guest: false,
      bot: false,
    },
  },
  ...{ down: false, length: 10, startedAt: new Date(0), step: 1, planned: 0, told: 0, ...given },
});
const anyCount = fc
  .record({ down: fc.boolean(), length: fc.integer({ min: 1, max: 300 }), step: fc.integer({ min: 1, max: 60 }) })
  .map(count);
const numbers = (of: Count): string[] => numbersBetween(of, 1, of.length).map((k) => numberOf(of, k));

test('a length is an integer in plain digits, within the limit', () => {
  expect(['1', '10', '9999', '10.', '3!', '7?'].map((text) => parseLength(text, 9999))).toEqual([
    1, 10, 9999, 10, 3, 7,
  ]);
  for (const text of [
    '',
    '0',
    '10000',
    '99999',
    '-1',
    '+1',
    '1.5',
    '1,5',
    '1e3',
    '0x10',
    '٣',
    '１０',
    '007',
    '1 0',
    ' 1',
    'ten',
    'Infinity',
    '1\n',
    '1_000',
  ])
    expect({ text, length: parseLength(text, 9999) }).toEqual({ text, length: undefined });
  expect(parseLength('61', 60)).toBeUndefined();
});

test('a count goes up or down, with steps only by multiples, and always posts the last number', () => {
  expect(numbers(count({ length: 4 }))).toEqual(['1', '2', '3', '4']);
  expect(numbers(count({ length: 4, down: true }))).toEqual(['4', '3', '2', '1']);
  expect(numbers(count({ length: 22, step: 5 }))).toEqual(['5', '10', '15', '20', '22']);
  expect(numbers(count({ length: 22, step: 5, down: true }))).toEqual(['20', '15', '10', '5', '1']);
  expect(numbers(count({ length: 3, step: 60 }))).toEqual(['3']);
});

test('whatever the step, each number expires before the next is due, and none is posted twice', () => {
  fc.assert(
    fc.property(anyCount, (any) => {
      const all = numbersBetween(any, 1, any.length);
      expect(all.at(-1)).toBe(any.length);
      expect(new Set(all).size).toBe(all.length);
      for (const [index, k] of all.entries()) {
        const next = all[index + 1];
        expect(validUntil(any, k).getTime()).toBeGreaterThan(dueAt(any, k).getTime());
        if (next !== undefined) expect(validUntil(any, k)).toEqual(new Date(dueAt(any, next).getTime() - 100));
      }
    }),
  );
});

test('the position of a count depends only on the clock', () => {
  const ten = count({ startedAt: new Date(5000) });
  const at = (ms: number): number => positionAt(ten, new Date(ms));
  expect([0, 5000, 5999, 6000, 14_999, 15_000, 99_000].map(at)).toEqual([0, 0, 0, 1, 9, 10, 10]);
});

test('a step that was too fast becomes a multiple of 5 that the room allows', () => {
  expect(slowerStep(1, 1500)).toBe(5);
  expect(slowerStep(1, 5000)).toBe(5);
  expect(slowerStep(5, 5000)).toBe(10);
  expect(slowerStep(1, 61_000)).toBe(65);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 200_000 }), (step, everyMs) => {
      expect(slowerStep(step, everyMs)).toBeGreaterThan(step);
      expect(slowerStep(step, everyMs) * 1000).toBeGreaterThanOrEqual(everyMs);
    }),
  );
});
