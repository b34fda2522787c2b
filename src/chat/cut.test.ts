import { cut } from './cut.ts';

test('an emoji that is cut in half leaves text that is well formed, and no longer than asked', () => {
  for (const most of [1, 2, 3, 4]) {
    expect(cut('😀😀', most).isWellFormed()).toBe(true);
    expect(cut('😀😀', most)).toHaveLength(most);
  }
  expect(cut('\ud83d', 10).isWellFormed()).toBe(true);
});

test('U+0000, which Postgres takes in no text, is replaced', () => {
  expect(cut('a\u0000b', 10)).toBe('a\ufffdb');
});
