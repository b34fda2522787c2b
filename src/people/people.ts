import type { Config } from '../config/schema.ts';
import type { People, Person } from '../contract/people.ts';
import { createNaming } from './naming.ts';

/** The directory of listed people. Accounts and groups are in maps, because every message in every room looks them up. */
export function createPeople(config: Pick<Config, 'people' | 'timeZone'>): People {
  const byId = new Map<string, Person>();
  const byAccount = new Map<string, Person>();
  const byGroup = new Map<string, Person[]>();
  for (const [id, entry] of Object.entries(config.people)) {
    const person: Person = {
      id,
      name: entry.name ?? id,
      accounts: inOrder(entry.accounts, entry.contact ?? []),
      groups: [...new Set(entry.groups)],
      timeZone: entry.timeZone ?? config.timeZone,
      ...(entry.hours !== undefined && { hours: entry.hours }),
    };
    byId.set(id, person);
    for (const [connector, accountId] of Object.entries(entry.accounts))
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

function accountKey(connector: string, accountId: string): string {
  return `${connector}\n${accountId}`;
}

/** Accounts in the order of `contact`, then the rest as configured. */
function inOrder(accounts: Readonly<Record<string, string>>, contact: readonly string[]): Record<string, string> {
  const rank = (connector: string): number =>
    contact.includes(connector) ? contact.indexOf(connector) : contact.length;
  return Object.fromEntries(Object.entries(accounts).sort(([one], [other]) => rank(one) - rank(other)));
}
