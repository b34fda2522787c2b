import type { CommandContext, Context, People } from '#skill';

/** A member of a group, with the account to reach them by. `name` is hostile text. */
export interface GroupMember {
  /** Connector and account. */
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
}

/**
 * How rows refer to a person: by account, not by the key in `people:`, so that people keep their data when they are added,
 * removed or get another key. Contains a space, which keys cannot.
 */
export function idOf(connector: string, accountId: string): string {
  return `${connector} ${accountId}`;
}

/** The current key in `people:` of the person with that account, otherwise the id itself. */
export function personOf(people: People, id: string): string {
  const space = id.indexOf(' ');
  // Imported pairs may have a key.
  return space < 0 ? id : (people.byAccount(id.slice(0, space), id.slice(space + 1))?.id ?? id);
}

/** All ids that rows may have for a person: this account first, then their other accounts. */
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
