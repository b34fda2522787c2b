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
const nameOf = (name: string): string => people.nameOf('matrix', '@mallory:e.org', name);

test('a listed person has the configured name, whatever the display name', () => {
  expect(people.nameOf('matrix', '@ann:e.org', 'Bob')).toBe('Ann Li');
});

test('an unlisted account has its display name on one line, or its id if that is empty', () => {
  expect(nameOf('Mallory\n acked  by')).toBe('Mallory acked by');
  expect(nameOf('Anna Lind')).toBe('Anna Lind');
  expect(nameOf(' \u200b ')).toBe('@mallory:e.org');
  expect(nameOf('x'.repeat(1000))).toHaveLength(255);
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
])('%j could be mistaken for a listed person, so it is shown with its id', (name) => {
  expect(nameOf(name)).toMatch(/ \(@mallory:e\.org\)$/);
});

test('the id stays visible after a long name, and a fake id in the name is removed', () => {
  expect(nameOf(`Ann Li${' x'.repeat(100)}`).slice(0, 40)).toContain('(@mal');
  expect(nameOf('Ann Li (@ann:e.org)')).toBe('Ann Li ann:e.org (@mallory:e.org)');
});
