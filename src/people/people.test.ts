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

describe('with linked accounts', () => {
  const config = (entries: object) => configSchema.parse({ people: entries });
  const annOnAcme = { connector: 'acme', account: 'U1', person: 'ann' };

  test('a linked account is an account of its person, in the order of contact', () => {
    const listed = config({
      ann: { name: 'Ann Li', accounts: { matrix: '@ann' }, contact: ['acme'], groups: ['sre'] },
    });
    const linked = createPeople(listed, [annOnAcme]);
    expect(linked.byAccount('acme', 'U1')).toBe(linked.byId('ann'));
    expect(Object.entries(linked.byId('ann')?.accounts ?? {})).toEqual([
      ['acme', 'U1'],
      ['matrix', '@ann'],
    ]);
    expect(linked.nameOf('acme', 'U1', 'whoever')).toBe('Ann Li');
    expect(linked.inGroup('sre').map(({ accounts }) => accounts['acme'])).toEqual(['U1']);
  });

  test('the configuration takes precedence, for the account and for the person, and removed people have no accounts', () => {
    const bobs = createPeople(config({ ann: { accounts: {} }, bob: { accounts: { acme: 'U1' } } }), [annOnAcme]);
    expect(bobs.byAccount('acme', 'U1')?.id).toBe('bob');
    expect(bobs.byId('ann')?.accounts).toEqual({});
    const own = createPeople(config({ ann: { accounts: { acme: 'U2' } } }), [annOnAcme]);
    expect(own.byAccount('acme', 'U1')).toBeUndefined();
    expect(own.byId('ann')?.accounts).toEqual({ acme: 'U2' });
    expect(createPeople(config({ bob: {} }), [annOnAcme]).byAccount('acme', 'U1')).toBeUndefined();
  });

  test('keys and connectors that are properties of every object are like others', () => {
    const odd = [
      { connector: 'constructor', account: '__proto__', person: 'toString' },
      { connector: 'acme', account: 'U1', person: '__proto__' },
    ];
    const linked = createPeople(config({ toString: { accounts: {} } }), odd);
    expect(linked.byAccount('constructor', '__proto__')?.id).toBe('toString');
    expect(linked.byAccount('acme', 'U1')).toBeUndefined();
  });
});
