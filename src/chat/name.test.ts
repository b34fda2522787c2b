import fc from 'fast-check';
import { foldName, nameAt, nameEnd } from './name.ts';

test.each([
  ['İzleme help', 'İzleme', ' help'],
  ['izleme help', 'İzleme', ' help'],
  ['İZLEME help', 'izleme', ' help'],
  ['i\u0307zleme help', 'İzleme', ' help'],
  ['STRASSE: help', 'Straße', ': help'],
  ['straße: help', 'STRASSE', ': help'],
  ['Οδος help', 'ΟΔΟΣ', ' help'],
  ['WatchBell help', 'watchbell', ' help'],
])('"%s" starts with the name %s, ignoring case, and the rest is as typed', (text, name, rest) => {
  expect(text.slice(nameEnd(text, foldName(name)))).toBe(rest);
});

test.each([
  ['watchbel', 'watchbell'],
  ['strasse', 'straßen'],
  ['', 'bell'],
  ['bell', ''],
])('"%s" does not start with "%s"', (text, name) => {
  expect(nameEnd(text, foldName(name))).toBeUndefined();
});

test('a name further on must start a word, and its position refers to the text as typed', () => {
  const text = 'İİİ lütfen @İzleme help';
  expect(nameAt(text, foldName('@izleme'))).toEqual({ from: 11, to: 18 });
  expect(nameAt('x@izleme help', foldName('@izleme'))).toBeUndefined();
  expect(nameAt('x@izleme @izleme', foldName('@izleme'))).toEqual({ from: 9, to: 16 });
});

test('for any text and name, the position is inside the text', () => {
  const text = fc.string({
    unit: fc.constantFrom('İ', 'i', '\u0307', 'ß', 's', 'Σ', '😀', '\ud800', ' '),
    maxLength: 20,
  });
  fc.assert(
    fc.property(text, text, text, (before, name, after) => {
      const end = nameEnd(name + after, foldName(name));
      if (name.replaceAll('\u0307', '') !== '') expect(end).toBeLessThanOrEqual((name + after).length);
      const place = nameAt(`${before} ${name} ${after}`, foldName(name));
      if (place) expect(place.from).toBeLessThan(place.to);
    }),
    { numRuns: 500 },
  );
});
