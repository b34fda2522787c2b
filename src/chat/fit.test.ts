import { fit } from './fit.ts';

const bytes = (message: object): number => Buffer.byteLength(JSON.stringify(message));

test('a message that fits is unchanged', () => {
  const message = { title: 't', text: 'x' };
  expect(fit(message, 1000)).toBe(message);
});

test.each([
  ['a long text', { title: 'kept', text: '😀'.repeat(5000) }],
  ['long code', { title: 'kept', code: 'x\n'.repeat(5000) }],
  ['many fields', { title: 'kept', fields: Array.from({ length: 500 }, () => ({ label: 'l', value: 'v' })) }],
  ['a picture', { title: 'kept', image: { png: 'A'.repeat(9000), width: 1, height: 1, alt: 'x' } }],
  ['quotes and newlines, which are longer in JSON', { title: 'kept', text: '"\n'.repeat(2000) }],
])('%s is cut to the limit, and the title is kept', (_, message) => {
  const fitted = fit(message, 1000);
  expect(bytes(fitted)).toBeLessThanOrEqual(1000);
  expect(fitted.title).toBe('kept');
  expect(JSON.stringify(fitted).isWellFormed()).toBe(true);
});
