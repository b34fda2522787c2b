import type { Config } from '../config/schema.ts';
import type { People, Person } from '../contract/people.ts';
import type { LinkedAccount } from './linked-accounts.ts';
import { createNaming } from './naming.ts';

type PeopleConfig = Config['people'];

/**
 * The directory of listed people, with the accounts that they linked. Accounts and groups are in maps, because every message in
 * every room looks them up.
 */
export function createPeople(
  config: Pick<Config, 'people' | 'timeZone'>,
  linked: readonly LinkedAccount[] = [],
): People {
  const byId = new Map<string, Person>();
  const byAccount = new Map<string, Person>();
  const byGroup = new Map<string, Person[]>();
  const accountsOf = withLinked(config.people, linked);
  for (const [id, entry] of Object.entries(config.people)) {
    const accounts = accountsOf.get(id) ?? {};
    const person: Person = {
      id,
      name: entry.name ?? id,
      accounts: inOrder(accounts, entry.contact ?? []),
      groups: [...new Set(entry.groups)],
      timeZone: entry.timeZone ?? config.timeZone,
      ...(entry.hours !== undefined && { hours: entry.hours }),
    };
    byId.set(id, person);
    for (const [connector, accountId] of Object.entries(accounts))
      byAccount.set(accountKey(connector, accountId), person);
    for (const group of person.groups) byGroup.set(group, [...(byGroup.get(group) ?? []), person]);
  }
  const nameUnlisted = createNaming([...byId.values()]);
  return {
    nameOf: (connector, accountId, displayName) =>
      byAccount.get(accountKey(connector, accountId))?.name ?? nameUnlisted(accountId, displayName),
    byId: (id) => byId.get(id),
    all: () => [...byId.values()],
    byAccount: (connector, accountId) => byAccount.get(accountKey(connector, accountId)),
    inGroup: (group) => byGroup.get(group) ?? [],
  };
}

/** The accounts of each person. A configured account takes precedence over a linked one, and an older link over a newer one. */
function withLinked(people: PeopleConfig, linked: readonly LinkedAccount[]): Map<string, Record<string, string>> {
  const accountsOf = new Map(Object.entries(people).map(([id, entry]) => [id, { ...entry.accounts }]));
  const configured = new Set(
    Object.values(people).flatMap((entry) =>
      Object.entries(entry.accounts).map(([connector, accountId]) => accountKey(connector, accountId)),
    ),
  );
  for (const { connector, account, person } of linked) {
    const accounts = accountsOf.get(person);
    if (!accounts || Object.hasOwn(accounts, connector) || configured.has(accountKey(connector, account))) continue;
    accounts[connector] = account;
  }
  return accountsOf;
}

function accountKey(connector: string, accountId: string): string {
  return `${connector}\n${accountId}`;
}

/** Accounts in the order of `contact`, then the rest as configured. */
function inOrder(accounts: Readonly<Record<string, string>>, contact: readonly string[]): Record<string, string> {
  const rank = (connector: string): number =>
    contact.includes(connector) ? contact.indexOf(connector) : contact.length;
  return Object.fromEntries(Object.entries(accounts).sort(([one], [other]) => rank(one) - rank(other)));
}
