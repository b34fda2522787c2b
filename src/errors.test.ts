import { sentenceOf } from './errors.ts';

test('a message before another sentence ends with exactly one full stop', () => {
  expect(sentenceOf(new Error('put a new one in place'))).toBe('put a new one in place.');
  expect(sentenceOf(new Error('Put a new one in place.'))).toBe('Put a new one in place.');
  expect(sentenceOf('really?')).toBe('really?');
});
