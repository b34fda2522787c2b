import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { parseJson } from './json.ts';

function problemOf(text: string): string | undefined {
  const parsed = parseJson(text);
  return 'problem' in parsed ? parsed.problem : undefined;
}

test('whatever is JSON and shallow is parsed as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(text)).toEqual({ value: JSON.parse(text) });
    }),
  );
});

test('any text is either parsed or gets one sentence', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[[\]{}",:0-9a\\ \n-]*$/)), (text) => {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expect(problemOf(text)).toMatch(/^the body /);
        return;
      }
      expect(parseJson(text)).toEqual({ value: expected });
    }),
  );
});

test.each([
  ['', 'the body is empty: send JSON'],
  ['  \n', 'the body is empty: send JSON'],
  ['{"a": 1,\n "b": oops}', 'the body is not JSON: it breaks at line 2, column 7'],
  ['hello', 'the body is not JSON: it breaks at line 1, column 1'],
  ['{"a": 1', 'the body is not JSON: it breaks at line 1, column 8'],
  ['{"a" 1}', 'the body is not JSON: it breaks at line 1, column 6'],
])('says where %j breaks', (text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test('a body of 64 levels is taken, one more is refused with its place', () => {
  expect(problemOf('['.repeat(64) + ']'.repeat(64))).toBeUndefined();
  expect(problemOf('['.repeat(65) + ']'.repeat(65))).toBe(
    'the body nests deeper than 64 levels at line 1, column 65: send it flatter',
  );
});

test('brackets inside strings do not count as levels', () => {
  expect(problemOf(JSON.stringify({ a: '['.repeat(1_000), b: '\\"['.repeat(100) }))).toBeUndefined();
});

test('30 MB of brackets are refused at once', () => {
  const brackets = '['.repeat(30_000_000);
  expect(problemOf(brackets)).toMatch(/deeper/);
  expect(fastestMs(() => problemOf(brackets))).toBeLessThan(1_000);
});
