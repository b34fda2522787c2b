import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { configSchema } from '../config/schema.ts';
import {
  linkAccount,
  NO_LINKS,
  readLinks,
  readLinksVersion,
  unlinkAccount,
  type LinkedAccount,
} from './linked-accounts.ts';
import { createPeople } from './people.ts';

const NOW = new Date('2026-03-02T10:00:00Z');
const directory = (people: object, linked: readonly LinkedAccount[] = []) =>
  createPeople(configSchema.parse({ people }), linked);
const people = directory({
  ann: { accounts: { matrix: '@ann' } },
  bob: { accounts: { matrix: '@bob', acme: 'UBOB' } },
});
const annOnAcme = { connector: 'acme', account: 'U1', person: 'ann' };

let home: OpenDatabase;
beforeEach(async () => {
  home = await openDatabase();
});
afterEach(() => home.close());

const link = (account: LinkedAccount, to = people): Promise<string | undefined> =>
  home.database.transaction(({ query }) => linkAccount(query, to, account, NOW));

test('each change raises the version, in its transaction', async () => {
  const { query } = home.database;
  expect(await readLinks(query)).toEqual(NO_LINKS);
  expect(await link(annOnAcme)).toBeUndefined();
  expect(await readLinks(query)).toEqual({ version: 1, accounts: [annOnAcme] });
  expect(await unlinkAccount(query, { connector: 'ACME', person: 'ann' })).toEqual([
    { connector: 'acme', account: 'U1' },
  ]);
  expect(await readLinks(query)).toEqual({ version: 2, accounts: [] });
  await home.database
    .transaction(async (transaction) => {
      await linkAccount(transaction.query, people, annOnAcme, NOW);
      throw new Error('rolled back');
    })
    .catch(() => {});
  expect(await readLinksVersion(query)).toBe(2);
});

test('if two accounts are linked to one person at once, or one account to two people, only one link is made', async () => {
  const others = { ...annOnAcme, account: 'U2' };
  expect(
    await Promise.all([link(annOnAcme), link(others)]).then((found) => found.filter((one) => one === undefined)),
  ).toHaveLength(1);
  const cem = directory({ ann: {}, cem: {}, dan: {} });
  const same = ['cem', 'dan'].map((person) => link({ connector: 'chat', account: 'X', person }, cem));
  expect(await Promise.all(same)).toEqual(expect.arrayContaining(['X', undefined]));
  expect((await readLinks(home.database.query)).accounts).toHaveLength(2);
});

test('a person with a configured account on that connector cannot link another one', async () => {
  expect(await link({ connector: 'acme', account: 'U1', person: 'bob' })).toBe('UBOB');
  expect(await readLinksVersion(home.database.query)).toBe(0);
});

test('an account whose link has no effect can be linked to someone else', async () => {
  await link(annOnAcme);
  // Ann is no longer in the configuration.
  const later = directory({ bob: {} });
  expect(await link({ ...annOnAcme, person: 'bob' }, later)).toBeUndefined();
  expect((await readLinks(home.database.query)).accounts).toEqual([{ ...annOnAcme, person: 'bob' }]);
});
