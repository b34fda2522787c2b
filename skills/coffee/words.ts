import { escape, type CommandContext, type Context, type People } from '#skill';

/** Somebody in a group, with the account to reach them by. `name` is hostile text. */
export interface Reached {
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

/** A day three weeks ahead, for examples. */
export function dayAhead(now: Date): string {
  return new Date(now.getTime() + 21 * 86_400_000).toISOString().slice(0, 10);
}

export function nameOf(context: Pick<Context, 'people'>, id: string): string {
  const [connector = '', account] = id.split(' ', 2);
  return context.people.byId(id)?.name ?? account ?? connector;
}

/** `Ann`, `Ann and Bob`, `Ann, Bob and Cem`; escaped. */
export function list(names: readonly string[]): string {
  const safe = names.map(escape);
  return safe.length < 2 ? safe.join('') : `${safe.slice(0, -1).join(', ')} and ${safe.at(-1) ?? ''}`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

/** Somebody else's words for why it failed, which may be none. */
export function reasonIn(text: string): string {
  return text || 'no reason was given';
}

/** `12 pairs and a trio`, `4 groups of 3 or 4`. */
export function groupsInWords(sizes: readonly number[]): string {
  if (sizes.length === 0) return 'no groups';
  const pairs = sizes.filter((size) => size === 2).length;
  const trios = sizes.filter((size) => size === 3).length;
  if (pairs + trios < sizes.length || trios > Math.max(pairs, 1)) {
    const kinds = [...new Set(sizes)].toSorted((one, other) => one - other);
    return `${count(sizes.length, 'group')} of ${kinds.join(' or ')}`;
  }
  const trio = trios === 1 ? 'a trio' : count(trios, 'trio');
  return [...(pairs > 0 ? [count(pairs, 'pair')] : []), ...(trios > 0 ? [trio] : [])].join(' and ');
}
