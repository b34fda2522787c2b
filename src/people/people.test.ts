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

test('a person is found by any account, on the connector it belongs to only', () => {
  expect(people.byAccount('acme', 'U012AB3CD')?.id).toBe('ann');
  expect(people.byAccount('matrix', 'U012AB3CD')).toBeUndefined();
  expect(people.byAccount('matrix', '@ANN:example.org')).toBeUndefined();
});

test('name and time zone fall back to the key and to the zone of the bot', () => {
  expect(people.byId('ann')).toMatchObject({ name: 'Ann Li', timeZone: 'Europe/London' });
  expect(people.byId('bob')).toMatchObject({ name: 'bob', timeZone: 'Europe/Berlin' });
});

test('a group lists each member once, and an unknown group nobody', () => {
  expect(people.inGroup('sre').map(({ id }) => id)).toEqual(['ann', 'bob']);
  expect(people.inGroup('nobody')).toEqual([]);
});

test('contact orders the accounts', () => {
  expect(Object.keys(people.byId('ann')?.accounts ?? {})).toEqual(['acme', 'matrix']);
});

test('names of the language are nobody', () => {
  for (const word of ['constructor', '__proto__', 'toString']) {
    expect(people.byId(word)).toBeUndefined();
    expect(people.byAccount('matrix', word)).toBeUndefined();
    expect(people.inGroup(word)).toEqual([]);
  }
});
