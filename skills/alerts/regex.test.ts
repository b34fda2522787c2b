import fc from 'fast-check';
import { RE2JS } from 're2js';
import { fastestMs } from '../../test/harness/fastest.ts';
import { estimateInstructions } from './regex-size.ts';
import { compileRegex } from './regex.ts';

test.each([
  ['Watchdog|InfoInhibitor', 'InfoInhibitor', true],
  ['Watchdog|InfoInhibitor', 'Watchdogs', false],
  ['pay.*', 'payments', true],
  ['pay.*', 'xpay', false],
  ['.*', '', true],
  ['.+', '', false],
  ['a.c', 'a\nc', true],
  ['(?i)PROD-(eu|us)', 'prod-EU', true],
  ['(?i:a)b', 'AB', false],
  ['node-\\d{2,3}', 'node-123', true],
  ['node-\\d{2,3}', 'node-1', false],
  ['a{2}', 'aaa', false],
  ['[^a-c]x', 'dx', true],
  ['[^a-c]x', 'bx', false],
  ['[\\w.-]+', 'a.b-c_9', true],
  ['[[:alpha:]]+', 'abc1', false],
  ['[]a]+', ']a', true],
  ['[a-]', '-', true],
  ['^a$', 'a', true],
  ['a^b', 'ab', false],
  ['(a|ab)(c|bcd)', 'abcd', true],
  ['(?P<zone>eu|us)-1', 'us-1', true],
  ['\\x41\\.\\x{1F514}', 'A.🔔', true],
  ['🔔+', '🔔🔔', true],
  ['(a*)*b?', 'aaaa', true],
  ['', '', true],
  ['', 'x', false],
  ['\\pL+', 'größe', true],
  ['\\Qa.b\\E', 'axb', false],
])('%s on "%s" is %s: the complete text has to match', (pattern, text, expected) => {
  expect(compileRegex(pattern).test(text)).toBe(expected);
});

test.each([
  ['(a)\\1', 'invalid regular expression: back references are not supported, as in Alertmanager: \\1'],
  ['(?=a)', 'invalid regular expression: lookaround is not supported, as in Alertmanager: (?='],
  ['(?<!a)b', 'invalid regular expression: lookaround is not supported, as in Alertmanager: (?<!a)b'],
  ['(a', 'invalid regular expression: missing closing )'],
  ['a)', 'invalid regular expression: unexpected )'],
  ['*a', 'invalid regular expression: missing argument to repetition operator: *'],
  ['a**', 'invalid regular expression: invalid nested repetition operator: **'],
  ['[b-a]', 'invalid regular expression: invalid character class range: b-a'],
  ['[a', 'invalid regular expression: missing closing ]'],
  ['a\\', 'invalid regular expression: trailing backslash at end of expression'],
  ['a\\Z', 'invalid regular expression: invalid escape sequence: \\Z'],
  ['(?z)', 'invalid regular expression: invalid or unsupported Perl syntax: (?z'],
  ['(a{100}){20}', 'invalid regular expression: invalid repeat count (at most 1,000, nested repeats multiplied): {20}'],
  ['(a{1000}){1000}', 'the regular expression is too large: shorten the repeated part or lower its repeat count'],
  ['a{2000}', 'invalid regular expression: invalid repeat count (at most 1,000, nested repeats multiplied): {2000}'],
  [
    `(${'ab'.repeat(400)}){1000}`,
    'the regular expression is too large: shorten the repeated part or lower its repeat count',
  ],
  ['a'.repeat(1001), 'the regular expression is longer than 1,000 characters'],
])('%s is rejected with a reason', (pattern, reason) => {
  expect(() => compileRegex(pattern)).toThrow(expect.objectContaining({ message: reason }));
});

test('results agree with JavaScript where both support the syntax', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '(a|b)', '(?:ab|b*)', '(a+b?)', 'a|b');
  const piece = fc
    .tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}', '*?'))
    .map(([one, times]) => (one === 'a|b' ? one : one + times));
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 5 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '1'), maxLength: 8 }),
      (pieces, text) => {
        const pattern = pieces.join('');
        expect(compileRegex(pattern).test(text)).toBe(new RegExp(`^(?:${pattern})$`, 's').test(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test('patterns that hang a backtracking engine take time proportional to the text', () => {
  const regex = compileRegex('(a+)+b|(.*foo.*bar.*baz.*)+');
  const both = () => ['a'.repeat(4096), 'foobar'.repeat(600)].map((text) => regex.test(text));
  expect(both()).toEqual([false, false]);
  expect(fastestMs(both)).toBeLessThan(1000);
});

test.each([
  ['letters', 'a'.repeat(985)],
  ['sets', '[]a[:word:]]'.repeat(80)],
  ['groups', '(a)'.repeat(328)],
  ['options', 'a?'.repeat(492)],
  ['quoted brackets', String.raw`\Q([\E`.repeat(160)],
  ['escaped brackets', String.raw`\(\[`.repeat(240)],
  ['letters after a quoted bracket', String.raw`\Q[(\E` + 'a'.repeat(970)],
  ['letters after a set with brackets', String.raw`[[(\]]` + 'a'.repeat(970)],
  ['letters of a language', String.raw`\p{Greek}`.repeat(100)],
])('many %s repeated 1,000 times are rejected at once, without being compiled', (_, part) => {
  const look = () => expect(() => compileRegex(`(?:${part}){1000}`)).toThrow('too large');
  look();
  expect(fastestMs(look)).toBeLessThan(20);
});

test('no pattern compiles to more instructions than estimated', () => {
  const atoms = [
    'a',
    '.',
    '^',
    '[ab]',
    '[^]a]',
    '[[:alpha:](]',
    String.raw`\d`,
    String.raw`\pL`,
    String.raw`\Q({2}\E`,
    String.raw`\x{41}`,
  ];
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => {
    const one = fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...atoms),
      fc
        .tuple(fc.constantFrom('(', '(?:', '(?P<n>', '(?i:'), tie('pattern'))
        .map(([open, inner]) => `${open}${inner})`),
    );
    const times = fc.constantFrom('', '', '*', '+?', '?', '{3}', '{0,3}', '{2,}', '{0}');
    const piece = fc.tuple(one, times).map(([part, count]) => part + count);
    return {
      pattern: fc.array(piece, { maxLength: 4 }).chain((some) => fc.constantFrom(some.join(''), some.join('|'))),
    };
  });
  fc.assert(
    fc.property(pattern, (text) => {
      let size: number;
      try {
        size = RE2JS.compile(text).programSize();
      } catch {
        return;
      }
      // Without the four instructions at the start and end of every program.
      expect(size - 4).toBeLessThanOrEqual(estimateInstructions(text));
    }),
    { numRuns: 3000 },
  );
});
