import { Progress } from './progress.ts';

test('a cursor starts where listening began, rereads an overlap, and does not advance while messages may be missing', () => {
  const at = (seconds: number): string => `${seconds}.000000`;
  const progress = Progress.of(null, new Date(1_700_000_000_000));
  expect(progress.from).toBe(at(1_700_000_000));
  expect([progress.isPast(at(1_699_999_999)), progress.isPast(at(1_700_000_000))]).toEqual([true, false]);
  progress.saw(at(1_700_005_000));
  const next = Progress.of(progress.cursor, new Date());
  expect(next.from).toBe(at(1_700_004_400));
  next.hold();
  next.saw(at(1_700_009_000));
  expect(next.cursor).toBe(progress.cursor);
  next.release();
  expect(next.cursor).toBe('1700000000.000000/1700009000.000000');
  expect(Progress.of('another release', new Date(1_700_000_000_000)).from).toBe(at(1_700_000_000));
});
