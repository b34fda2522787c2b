import { configSchema } from '../config/schema.ts';
import { createPeople } from './people.ts';

const people = createPeople(
  configSchema.parse({
    people: {
      ann: { name: 'Ann Li', accounts: { matrix: '@ann:e.org' } },
      bob: { accounts: { matrix: '@bob:e.org' } },
    },
  }),
);
const called = (name: string): string => people.nameOf('matrix', '@mallory:e.org', name);

test('who is listed has the configured name, whatever the account calls itself', () => {
  expect(people.nameOf('matrix', '@ann:e.org', 'Bob')).toBe('Ann Li');
});

test('who is not has the display name on one line, or the id where there is none', () => {
  expect(called('Mallory\n acked  by')).toBe('Mallory acked by');
  expect(called('Anna Lind')).toBe('Anna Lind');
  expect(called(' \u200b ')).toBe('@mallory:e.org');
  expect(called('x'.repeat(1000))).toHaveLength(255);
});

test.each([
  'Ann Li',
  'ann  li',
  'ANN LI',
  'Ànn Lï',
  'Ann\u200b Li',
  'Αnn Lі',
  'Ann L1',
  'Ann-Li',
  'Ann Li on call',
  'Ann',
  'ｂｏｂ',
  'В0b',
])('%j could be taken for somebody who is listed, so it shows its id', (name) => {
  expect(called(name)).toMatch(/ \(@mallory:e\.org\)$/);
});

test('the id is in sight behind a long name, and the name has none of its own', () => {
  expect(called(`Ann Li${' x'.repeat(100)}`).slice(0, 40)).toContain('(@mal');
  expect(called('Ann Li (@ann:e.org)')).toBe('Ann Li ann:e.org (@mallory:e.org)');
});
