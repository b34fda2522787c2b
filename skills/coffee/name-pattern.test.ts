import fc from 'fast-check';
import { matchesAny } from './name-pattern.ts';

test.each([
  ['*-bot', '@deploy-bot:example.org'],
  ['*-bot', 'deploy-bot'],
  ['@bridge_*:example.org', '@bridge_ann:example.org'],
  ['@bridge_*:example.org', '@bridge_:example.org'],
  ['*:partner.example', '@ann:partner.example'],
  ['@a*b*c:e.org', '@a1b2b3c:e.org'],
  ['*', '@ann:example.org'],
  ['hal', 'hal'],
  ['@hal:e.org', '@hal:e.org'],
])('%s matches %s', (listed, name) => {
  expect(matchesAny([listed], ['ann', name])).toBe(true);
});

test.each([
  ['*-bot', '@deploy-bots:example.org'],
  ['*-bot', '@robot:example.org'],
  ['@bridge_*:example.org', '@bridge_ann:example.org.evil.test'],
  ['@bridge_*:example.org', '@ann:example.org'],
  ['ab*ba', 'aba'],
  ['@h.l:e.org*', '@hal:e.org'],
  ['hal', '@hal:e.org'],
  ['[a-z]*', '@ann:e.org'],
])('%s does not match %s', (listed, name) => {
  expect(matchesAny([listed], [name])).toBe(false);
});

test('a pattern matches any text that fills in its asterisks', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '.', '[', '$'), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, piece), { minLength: 1 }), piece, (pairs, last) => {
      const pattern = `${pairs.map(([fixed]) => `${fixed}*`).join('')}${last}`;
      expect(matchesAny([pattern], [pairs.map(([fixed, free]) => fixed + free).join('') + last])).toBe(true);
    }),
  );
});
