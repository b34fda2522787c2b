import { z } from 'zod';
import { validPart } from './valid-part.ts';

const schema = z.strictObject({
  name: z.string().optional(),
  rooms: z.array(z.string()).optional(),
  items: z.record(z.string(), z.strictObject({ size: z.number(), kind: z.enum(['a', 'b']).optional() })).default({}),
  routes: z.array(z.strictObject({ to: z.string().optional(), from: z.string().optional() })).default([]),
});

test('a valid value is unchanged', () => {
  expect(validPart(schema, { name: 'x' })).toEqual({
    data: { name: 'x', items: {}, routes: [] },
    without: new Set(),
    lacksNames: false,
  });
});

test('only the invalid parts are left out', () => {
  const value = {
    name: 5,
    nmae: 'x',
    rooms: ['a', 7],
    items: { one: { size: 1, kind: 'c' }, two: {}, three: { size: 3 } },
    routes: [{ to: 5, from: 'a' }, { to: 'b' }],
  };
  const before = structuredClone(value);
  expect(validPart(schema, value)).toEqual({
    data: { items: { one: { size: 1 }, three: { size: 3 } }, routes: [{ from: 'a' }, { to: 'b' }] },
    without: new Set(['name', 'nmae', 'rooms', 'kind', 'two', 'to']),
    lacksNames: false,
  });
  expect(value).toEqual(before);
});

test('if something else is in place of a map of names, its names are unknown', () => {
  expect(validPart(schema, { items: ['one'], routes: [{ to: 'one' }] })).toEqual({
    data: { items: {}, routes: [{ to: 'one' }] },
    without: new Set(['items']),
    lacksNames: true,
  });
});

test.each([['x'], [null], [[]]])('nothing of %j is valid', (value) => {
  expect(validPart(schema, value)).toBeUndefined();
});

test('if the rest is rejected too, nothing is valid', () => {
  expect(validPart(z.strictObject({ host: z.string() }), { host: 5 })).toBeUndefined();
});
