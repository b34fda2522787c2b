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
])('"%s" begins with the name %s in any case, and what follows is what was typed', (text, name, rest) => {
  expect(text.slice(nameEnd(text, foldName(name)))).toBe(rest);
});

test.each([
  ['watchbel', 'watchbell'],
  ['strasse', 'straßen'],
  ['', 'bell'],
  ['bell', ''],
])('"%s" does not begin with "%s"', (text, name) => {
  expect(nameEnd(text, foldName(name))).toBeUndefined();
});

test('a name further on begins a word, and its place is that in the text as typed', () => {
  const text = 'İİİ lütfen @İzleme help';
  expect(nameAt(text, foldName('@izleme'))).toEqual({ from: 11, to: 18 });
  expect(nameAt('x@izleme help', foldName('@izleme'))).toBeUndefined();
  expect(nameAt('x@izleme @izleme', foldName('@izleme'))).toEqual({ from: 9, to: 16 });
});

test('whatever the text and the name, the place lies inside the text', () => {
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
