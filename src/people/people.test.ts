import { configSchema } from '../config/schema.ts';
import { createPeople } from './people.ts';

const people = createPeople(
  configSchema.parse({
    timeZone: 'Europe/Berlin',
    people: {
      ann: {
        name: 'Ann Li',
        accounts: { matrix: '@ann:example.org', acme: 'U012AB3CD' },
        contact: ['acme', 'matrix'],
        timeZone: 'Europe/London',
        groups: ['sre', 'sre'],
      },
      bob: { accounts: { matrix: '@bob:example.org' }, groups: ['sre', 'admins'] },
    },
  }),
);

test('a person is found by each account, only on its own connector', () => {
  expect(people.byAccount('acme', 'U012AB3CD')?.id).toBe('ann');
  expect(people.byAccount('matrix', 'U012AB3CD')).toBeUndefined();
  expect(people.byAccount('matrix', '@ANN:example.org')).toBeUndefined();
});

test("the defaults for name and time zone are the key and the bot's zone", () => {
  expect(people.byId('ann')).toMatchObject({ name: 'Ann Li', timeZone: 'Europe/London' });
  expect(people.byId('bob')).toMatchObject({ name: 'bob', timeZone: 'Europe/Berlin' });
});

test('a group lists each member once, and an unknown group is empty', () => {
  expect(people.inGroup('sre').map(({ id }) => id)).toEqual(['ann', 'bob']);
  expect(people.inGroup('nobody')).toEqual([]);
});

test('accounts are in the order of contact', () => {
  expect(Object.keys(people.byId('ann')?.accounts ?? {})).toEqual(['acme', 'matrix']);
});

test('property names of JavaScript objects are not people or groups', () => {
  for (const word of ['constructor', '__proto__', 'toString']) {
    expect(people.byId(word)).toBeUndefined();
    expect(people.byAccount('matrix', word)).toBeUndefined();
    expect(people.inGroup(word)).toEqual([]);
  }
});
