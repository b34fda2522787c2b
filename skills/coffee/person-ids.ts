import type { CommandContext, Context, People } from '#skill';

/** Somebody in a group, with the account to reach them by. `name` is hostile text. */
export interface GroupMember {
  /** Connector and account. */
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
}

/**
 * What rows call somebody. Not the key in `people:`, so that whoever is listed later, under another key or no longer
 * keeps what was known. No such key has a space.
 */
export function idOf(connector: string, accountId: string): string {
  return `${connector} ${accountId}`;
}

/** Whom rows mean, as of now: the key in `people:` of whoever has that account, else the id itself. */
export function personOf(people: People, id: string): string {
  const space = id.indexOf(' ');
  // Pairs that were imported may have a key.
  return space < 0 ? id : (people.byAccount(id.slice(0, space), id.slice(space + 1))?.id ?? id);
}

/** All that rows may call somebody: that account first, then every other that they have. */
export function idsOf(people: People, connector: string, accountId: string): string[] {
  const accounts = Object.entries(people.byAccount(connector, accountId)?.accounts ?? {});
  return [...new Set([idOf(connector, accountId), ...accounts.map(([name, account]) => idOf(name, account))])];
}

export function myIds({ sender, people }: Pick<CommandContext, 'sender' | 'people'>): string[] {
  return idsOf(people, sender.connector, sender.accountId);
}

export function nameOf(context: Pick<Context, 'people'>, id: string): string {
  const [connector = '', account] = id.split(' ', 2);
  return context.people.byId(id)?.name ?? account ?? connector;
}
