import { escape, type CommandContext, type Context, type People } from '#skill';

/** Somebody in a group, with the account to reach them by. `name` is hostile text. */
export interface Reached {
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
}

/** The key in `people:`, else connector and account, which never is one: it has a space. */
export function personId(connector: string, accountId: string, listed: string | undefined): string {
  return listed ?? `${connector} ${accountId}`;
}

/** Under which ids somebody may be kept: the present one, then those from before each account was listed. */
export function idsOf(people: People, id: string): string[] {
  const accounts = Object.entries(people.byId(id)?.accounts ?? {});
  return [id, ...accounts.map(([connector, account]) => personId(connector, account, undefined))];
}

export function myIds({ sender, people }: Pick<CommandContext, 'sender' | 'people'>): string[] {
  return idsOf(people, personId(sender.connector, sender.accountId, sender.person));
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

/** `12 pairs and a trio`, `4 groups of 3 or 4`. */
export function groupsInWords(sizes: readonly number[]): string {
  const pairs = sizes.filter((size) => size === 2).length;
  const trios = sizes.filter((size) => size === 3).length;
  if (pairs + trios < sizes.length || (trios > 0 && trios > pairs)) {
    const kinds = [...new Set(sizes)].toSorted((one, other) => one - other);
    return `${count(sizes.length, 'group')} of ${kinds.join(' or ')}`;
  }
  const trio = trios === 1 ? 'a trio' : count(trios, 'trio');
  if (pairs === 0) return trio;
  return trios === 0 ? count(pairs, 'pair') : `${count(pairs, 'pair')} and ${trio}`;
}
