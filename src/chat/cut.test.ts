import { cut } from './cut.ts';

test('cutting an emoji in half leaves well-formed text of the requested length', () => {
  for (const most of [1, 2, 3, 4]) {
    expect(cut('😀😀', most).isWellFormed()).toBe(true);
    expect(cut('😀😀', most)).toHaveLength(most);
  }
  expect(cut('\ud83d', 10).isWellFormed()).toBe(true);
});

test('U+0000, which Postgres rejects in text, is replaced', () => {
  expect(cut('a\u0000b', 10)).toBe('a\ufffdb');
});
