import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { matchesWildcard } from './wildcard.ts';

test('matches the same texts as a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '[', '$', '\n'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '[', '$', '*', '*'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, text, (glob, given) => {
      const source = glob.split('*').map(RegExp.escape).join('.*');
      expect(matchesWildcard(glob, given)).toBe(new RegExp(`^${source}$`, 's').test(given));
    }),
    { numRuns: 5000 },
  );
});

test('is fast with many stars and a long text that almost matches', () => {
  expect(fastestMs(() => matchesWildcard(`${'*a'.repeat(30)}*b`, 'a'.repeat(100_000)))).toBeLessThan(100);
});
