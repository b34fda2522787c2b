import { matchesAll, parseMatchers } from './matchers.ts';

const read = (text: string): string[] =>
  parseMatchers(text).map(({ name, operator, value }) => `${name} ${operator} ${value}`);

test.each([
  ['a="b"', ['a = b']],
  ['a != b', ['a != b']],
  ['a=~"b.*"', ['a =~ b.*']],
  [' a !~ "x|y" ', ['a !~ x|y']],
  ['{a="b",c=~"d"}', ['a = b', 'c =~ d']],
  ['{a="b",}', ['a = b']],
  ['a="b, \\"c\\" \\\\ d\\n"', ['a = b, "c" \\ d\n']],
  ['a=~"\\\\d+"', ['a =~ \\d+']],
  ['a=~"\\d+"', ['a =~ \\d+']],
  ['"naïve label"=x', ['naïve label = x']],
  ['größe="a"', ['größe = a']],
  ['a=', ['a = ']],
  ['a=""', ['a = ']],
])('%s is parsed as Alertmanager parses it', (text, expected) => {
  expect(read(text)).toEqual(expected);
});

test.each([
  ['', /^empty matcher; write one like/],
  ['a', /expected =, !=, =~ or !~ after a$/],
  ['="b"', /expected a label name/],
  ['a="b', /missing closing quote/],
  ['{a="b"', /closing/],
  ['a="b"}', /opening/],
  ['a="b" c="d"', /missing comma before c=/],
  ['b="c",a=~"("', /^a=~"\(": invalid regular expression: missing closing \)$/],
])('%s is rejected with a reason', (text, reason) => {
  expect(() => parseMatchers(text)).toThrow(reason);
});

test('a missing label is empty, and properties of Object are no labels', () => {
  expect(matchesAll(parseMatchers('a=""'), {})).toBe(true);
  expect(matchesAll(parseMatchers('a!="x"'), {})).toBe(true);
  expect(matchesAll(parseMatchers('a=~".+"'), {})).toBe(false);
  expect(matchesAll(parseMatchers('constructor=~".+"'), {})).toBe(false);
  expect(matchesAll(parseMatchers('a=b,c=d'), { a: 'b', c: 'x' })).toBe(false);
});
