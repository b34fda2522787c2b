import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { parseJson } from './json.ts';

function problemOf(text: string): string | undefined {
  const parsed = parseJson(text);
  return 'problem' in parsed ? parsed.problem : undefined;
}

test('shallow JSON is parsed like JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(text)).toEqual({ value: JSON.parse(text) });
    }),
  );
});

test('any text is either parsed or rejected in one sentence', () => {
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
  ['{"a": 1,\n "b": oops}', 'the body is not JSON: Unexpected token'],
  ['hello', 'the body is not JSON: Unexpected token'],
  ['"a" "b"', 'the body is not JSON: Unexpected non-whitespace character after JSON at position 4 (line 1 column 5)'],
  ['{"a": 1', "the body is not JSON: Expected ',' or '}' after property value in JSON at position 7 (line 1 column 8)"],
  ['{"a" 1}', "the body is not JSON: Expected ':' after property name in JSON at position 5 (line 1 column 6)"],
  ['NaN', 'the body is not JSON'],
])('reports the problem of %j', (text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test('only the sender is shown the position and an excerpt of the body', () => {
  expect(parseJson('{"a": "secret", "b": oops}')).toEqual({
    problem: 'the body is not JSON: Unexpected token',
    detail: `Unexpected token 'o', ..."et", "b": oops}" is not valid JSON`,
  });
  const unit = fc.constantFrom(...'[]{}",:0-жπ😀\u0000\\ \n');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
      expect(problemOf(text) ?? '').toMatch(/^[\x20-\x7e]*$/);
    }),
    { numRuns: 1000 },
  );
});

test('a body of 64 levels is accepted, 65 are rejected', () => {
  expect(problemOf('['.repeat(64) + ']'.repeat(64))).toBeUndefined();
  expect(problemOf('['.repeat(65) + ']'.repeat(65))).toBe('the body is nested deeper than 64 levels');
});

test('brackets inside strings do not count as levels', () => {
  expect(problemOf(JSON.stringify({ a: '['.repeat(1_000), b: '\\"['.repeat(100) }))).toBeUndefined();
});

test('30 MB of brackets are rejected quickly', () => {
  const brackets = '['.repeat(30_000_000);
  expect(problemOf(brackets)).toMatch(/deeper/);
  expect(fastestMs(() => problemOf(brackets))).toBeLessThan(1_000);
});
