import type { People } from '../contract/people.ts';
import type { Query } from '../db/database.ts';

/** The name of these changes in `changes`, which is also the query that lists linked accounts. */
export const LINKS_CHANGE = 'core links';

/** An account that a person added with `link`; whether it has an effect depends on the configuration. */
export interface LinkedAccount {
  readonly connector: string;
  readonly account: string;
  /** The key under `people:`. */
  readonly person: string;
}

/** All linked accounts, oldest first, and how many changes led to them. */
export interface Links {
  readonly version: number;
  readonly accounts: readonly LinkedAccount[];
}

export const NO_LINKS: Links = { version: 0, accounts: [] };

/** One indexed lookup, to check whether known links are current. */
export async function readLinksVersion(query: Query): Promise<number> {
  const [row] = await query<{ number: number }>('select number from changes where name = $1', [LINKS_CHANGE]);
  return row?.number ?? 0;
}

export async function readLinks(query: Query): Promise<Links> {
  // One statement, so that the version belongs to the rows.
  const rows = await query<{ number: number } & (LinkedAccount | { readonly connector: null })>(
    `select coalesce((select number from changes where name = $1), 0) as number, connector, account, person
     from (select) one left join linked_accounts on true order by linked_at, connector, account`,
    [LINKS_CHANGE],
  );
  return {
    version: rows[0]?.number ?? 0,
    accounts: rows.flatMap((row) =>
      row.connector === null ? [] : [{ connector: row.connector, account: row.account, person: row.person }],
    ),
  };
}

/**
 * Adds an unlisted account to a listed person. On a conflict it changes nothing and returns the conflicting account: the person's
 * other account on that connector, or the same account, which someone has just linked.
 */
export async function linkAccount(
  query: Query,
  people: People,
  { connector, account, person }: LinkedAccount,
  now: Date,
): Promise<string | undefined> {
  const known = people.byId(person)?.accounts[connector];
  if (known !== undefined) return known;
  await countChange(query);
  // Another transaction may have linked one since `people` was read; while this one holds the lock, no other can.
  const rows = await query<LinkedAccount>(
    'select connector, account, person from linked_accounts where connector = $1 and (account = $2 or person = $3)',
    [connector, account, person],
  );
  const found = rows.find((row) => hasEffect(people, row));
  if (found) return found.account;
  await query(
    `insert into linked_accounts (connector, account, person, linked_at) values ($1, $2, $3, $4)
     on conflict (connector, account) do update set person = excluded.person, linked_at = excluded.linked_at`,
    [connector, account, person, now],
  );
  return undefined;
}

/** Removes a person's link on a connector, written in any case, and their unused code. Returns the removed accounts. */
export async function unlinkAccount(
  query: Query,
  { connector, person }: Omit<LinkedAccount, 'account'>,
): Promise<Omit<LinkedAccount, 'person'>[]> {
  await query('delete from link_codes where person = $1', [person]);
  await countChange(query);
  return query<Omit<LinkedAccount, 'person'>>(
    'delete from linked_accounts where lower(connector) = lower($1) and person = $2 returning connector, account',
    [connector, person],
  );
}

/** Whether a link has an effect under the configuration. `people` may be older than the link. */
export function hasEffect(people: People, { connector, account, person }: LinkedAccount): boolean {
  const listed = people.byId(person);
  const owner = people.byAccount(connector, account)?.id ?? person;
  return listed !== undefined && owner === person && (listed.accounts[connector] ?? account) === account;
}

/** Locks the version until the transaction ends, so that links change one at a time. Lock order: codes, version, links. */
async function countChange(query: Query): Promise<void> {
  await query(
    'insert into changes (name, number) values ($1, 1) on conflict (name) do update set number = changes.number + 1',
    [LINKS_CHANGE],
  );
}
