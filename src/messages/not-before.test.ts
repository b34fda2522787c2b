import { byTime, earlyMsOf, takeEarly } from './not-before.ts';

const now = new Date('2026-05-01T12:00:00Z');
const due = (inMs: number | null) => ({ not_before: inMs === null ? null : new Date(now.getTime() + inMs) });

test('due messages keep their order, and the others follow by time', () => {
  const rows = [due(300), due(null), due(100), due(-50), due(-900)];
  expect(byTime(rows, now)).toEqual([due(null), due(-50), due(-900), due(100), due(300)]);
  expect(rows.map((row) => earlyMsOf(row, now))).toEqual([300, 0, 100, 0, 0]);
});

test('messages that are not due are taken out of a batch, with the time until each is', () => {
  const planned = (row: ReturnType<typeof due>) => ({ row: row as never });
  const batch = [due(null), due(0), due(100), due(300)].map(planned);
  expect(takeEarly(batch, now)).toEqual([100, 300]);
  expect(batch).toEqual([due(null), due(0)].map(planned));
  expect(takeEarly(batch, now)).toEqual([]);
  expect(batch).toHaveLength(2);
});
