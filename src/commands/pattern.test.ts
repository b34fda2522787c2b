import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { compilePattern, idsOf, matchPattern, splitWords } from './pattern.ts';

const match = (pattern: string, text: string) => matchPattern(compilePattern(pattern), splitWords(text));
const args = (pattern: string, text: string): unknown => {
  const result = match(pattern, text);
  return result.ok ? result.args : undefined;
};
const mismatch = (pattern: string, text: string): string | undefined => {
  const result = match(pattern, text);
  return result.ok ? undefined : result.mismatch?.message;
};

const ACK = 'ack {ids:ids?} [for {for:duration}] {note...?}';

test('words match in any case, with or without punctuation', () => {
  expect(args('count to {n:int}', 'COUNT To 10')).toEqual({ n: 10 });
  expect(args('help', 'Help!')).toEqual({});
  expect(args('help', 'helps')).toBeUndefined();
  expect(args('help', 'help me')).toBeUndefined();
});

test.each([
  ['hello {name}', 'hello Ann', { name: 'Ann' }],
  ['hello {name?}', 'hello', {}],
  ['say {text...}', 'say  two   words ', { text: 'two   words' }],
  ['say {text...?}', 'say', {}],
  ['count {n:int}', 'count -3.', { n: -3 }],
  ['wait {for:duration}', 'wait 1h30m', { for: 5_400_000 }],
  ['go {target:room}', 'go #ops:example.org', { target: '#ops:example.org' }],
  ['ack {ids:ids}', 'ack 12 13', { ids: ['12', '13'] }],
  ['make {size:small|large}', 'make LARGE', { size: 'large' }],
  ['make {size:small|large?}', 'make', {}],
])('%s matches "%s"', (pattern, text, expected) => {
  expect(args(pattern, text)).toEqual(expected);
});

test.each([
  ['12', ['12']],
  ['#12.', ['12']],
  ['12,', ['12']],
  ['12,13', ['12', '13']],
  ['#12,#13;', ['12', '13']],
])('%s are ids', (word, ids) => {
  expect(idsOf(word)).toEqual(ids);
});

test.each(['', ',', '0', '012', '+12', '-12', '1.5', '12a', 'a12', '12-13', '##12', '1234567890', '1e3', '٣'])(
  '"%s" is not an id',
  (word) => {
    expect(idsOf(word)).toBeUndefined();
  },
);

test('a repeated id counts once, and the list ends at the first word that is not an id', () => {
  expect(args(ACK, 'ack 12 #12, 13,12 on it')).toEqual({ ids: ['12', '13'], note: 'on it' });
});

test('an optional group matches completely or not at all', () => {
  expect(args(ACK, 'ack 12 for 2h')).toEqual({ ids: ['12'], for: 7_200_000 });
  expect(args(ACK, 'ack 12 for 2h looking at it')).toEqual({ ids: ['12'], for: 7_200_000, note: 'looking at it' });
  expect(args(ACK, 'ack for 2h')).toEqual({ for: 7_200_000 });
  expect(args(ACK, 'ack')).toEqual({});
});

test.each([
  ['ack 99999999999999999999', '99999999999999999999'],
  ['ack 0', '0'],
  ['ack ١', '١'],
  ['ack #012 on it', '#012'],
  ['ack -1', '-1'],
  ['ack 1.5', '1.5'],
  ['ack 12x', '12x'],
  ['ack ½ of it', '½'],
  ['ack １２', '１２'],
  ['ack 12 0', '0'],
  ['ack 12 013 on it', '013'],
])('"%s" is rejected: a mistyped number must not become a note', (text, word) => {
  expect(match(ACK, text)).toMatchObject({ ok: false, mismatch: { message: `"${word}" is not a number like 12` } });
});

test('after ids a note may start with a digit', () => {
  expect(args(ACK, 'ack 12 2nd time today')).toEqual({ ids: ['12'], note: '2nd time today' });
  expect(args(ACK, 'ack 12 5xx are gone')).toEqual({ ids: ['12'], note: '5xx are gone' });
  expect(args(ACK, 'ack #fire')).toEqual({ note: '#fire' });
});

test.each(['2hours', '1.5h', '٣h', '2', '30min'])(
  '"for %s" is rejected: a mistyped duration must not become a note',
  (word) => {
    expect(mismatch(ACK, `ack 12 for ${word} then lunch`)).toBe(`"${word}" is not a duration like 90s, 15m, 2h or 5d`);
  },
);

test('more than 100 ids are rejected, and none of them becomes a note', () => {
  const numbers = Array.from({ length: 101 }, (_, index) => index + 1);
  for (const list of [numbers.join(' '), numbers.join(',')]) {
    expect(mismatch(ACK, `ack ${list}`)).toBe('at most 100 numbers are allowed at once');
    expect(mismatch('unack {ids:ids?}', `unack ${list}`)).toBe('at most 100 numbers are allowed at once');
  }
  expect(args(ACK, `ack ${numbers.slice(1).join(' ')} x`)).toMatchObject({ note: 'x' });
});

test('a long word is truncated in the reply', () => {
  expect(mismatch(ACK, `ack ${'9'.repeat(3000)}`)?.length).toBeLessThan(80);
});

test('"for" belongs to the note when no duration follows it', () => {
  expect(args(ACK, 'ack 12 for now')).toEqual({ ids: ['12'], note: 'for now' });
  expect(args(ACK, 'ack 12 waiting for 2h')).toEqual({ ids: ['12'], note: 'waiting for 2h' });
  expect(args(ACK, 'ack 12 for')).toEqual({ ids: ['12'], note: 'for' });
});

test('the rest of a line is kept as typed', () => {
  expect(args('say {text...}', 'say A  B\tC: *d*')).toEqual({ text: 'A  B\tC: *d*' });
});

test.each([
  ['count {n:int}', 'count ten', '"ten" is not a whole number'],
  ['count {n:int}', 'count', 'n is missing'],
  ['wait {for:duration}', 'wait soon', '"soon" is not a duration like 90s, 15m, 2h or 5d'],
  ['make {size:small|large}', 'make huge', 'size must be one of small, large'],
  ['alert {ids:ids}', 'alert twelve', '"twelve" is not a number like 12'],
  ['run {job} {n:int}', 'run deploy x', '"x" is not a whole number'],
])('%s answers "%s" with what was expected', (pattern, text, message) => {
  expect(mismatch(pattern, text)).toBe(message);
});

test.each([
  ['', 'must begin with a word'],
  ['{name}', 'must begin with a word'],
  ['go {1st}', 'has an invalid argument'],
  ['go {to:place}', 'unknown type: place'],
])('the invalid pattern "%s" is rejected with its name', (pattern, message) => {
  expect(() => compilePattern(pattern)).toThrow(message);
  expect(() => compilePattern(pattern)).toThrow(`"${pattern}"`);
});

const PATTERNS = [
  ACK,
  'a [b {n:int}] [c {d:duration}] [e] [f {x?}] {rest...?}',
  'a {one?} {two?} {three?} {four?} {ids:ids?} {size:x|y?} end',
].map(compilePattern);

const WORDS = fc.oneof(
  fc.constantFrom('a', 'b', 'ack', 'for', '2h', '12', '#12,13.', 'c', 'e', 'f', 'x', 'end', 'all'),
  fc.constantFrom('(a+)+$', '.*', '[', '\\', '{n:int}', '$&', '__proto__', 'constructor', '\u202e', '😀', '\ud800'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

test('no line makes matching throw or take long', () => {
  fc.assert(
    fc.property(fc.array(WORDS, { maxLength: 60 }), fc.constantFrom(' ', '\t', '\n', '  '), (words, gap) => {
      const text = `${words[0] === 'ack' ? '' : 'a '}${words.join(gap)}`;
      const match = () => PATTERNS.forEach((pattern) => matchPattern(pattern, splitWords(text)));
      expect(fastestMs(match)).toBeLessThan(1000);
    }),
    { numRuns: 500 },
  );
});

test('the longest possible line may consist of dots', () => {
  const longest = `count ${'.'.repeat(4000)}x`;
  expect(mismatch('count {n:int}', longest)).toContain('is not a whole number');
  expect(fastestMs(() => mismatch('count {n:int}', longest))).toBeLessThan(500);
});

test.each([
  ['one long word', 'a '.concat('a'.repeat(100_000))],
  ['many words', 'a '.repeat(50_000)],
  ['many ids', `ack ${'1 '.repeat(50_000)}`],
  ['one list of ids', `ack ${'1,'.repeat(50_000)}`],
  ['many commas', `ack ${','.repeat(100_000)}`],
  ['many groups that nearly fit', `ack ${'for '.repeat(25_000)}`],
  ['an endless duration', `wait ${'1'.repeat(100_000)}`],
  ['white space', `a${' '.repeat(100_000)}b`],
])('100 kB of %s are parsed within a second', (_, text) => {
  const read = (): void => {
    const words = splitWords(text);
    for (const pattern of [...PATTERNS, compilePattern('wait {for:duration}'), compilePattern('count {n:int}')])
      matchPattern(pattern, words);
  };
  expect(fastestMs(read)).toBeLessThan(1000);
});
