import type { Context, MessageLike, PostOptions, Sql } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { count } from './wording.ts';

/** The last round of a name, and its progress. */
export interface LatestRound {
  readonly id: string;
  readonly number: number;
  readonly seed: number;
  readonly state: 'pairing' | 'opening' | 'told' | 'failed';
  readonly reason: string | null;
  readonly began_at: Date;
  readonly groups: number;
  readonly waiting: number;
}

export async function latestRound(sql: Sql, name: string): Promise<LatestRound | undefined> {
  const [last] = await sql<LatestRound>(
    `select id, number, seed, state, reason, began_at,
       (select count(*)::int from coffee_groups g where g.round_id = r.id) as groups,
       (select count(*)::int from coffee_groups g where g.round_id = r.id and g.state = 'waiting') as waiting
     from coffee_rounds r where name = $1 order by number desc limit 1`,
    [name],
  );
  return last;
}

/** What an unfinished round is waiting for, in a sentence, not escaped; undefined: it is finished. */
export function progressOf({ state, reason, groups, waiting }: LatestRound): string | undefined {
  if (state === 'opening')
    return `${waiting} of ${count(groups, 'group')} ${waiting === 1 ? 'is' : 'are'} still waiting for a conversation.`;
  if (state === 'pairing')
    return reason === null ? 'Its groups are being computed.' : `Its groups cannot be computed yet: ${reason}.`;
  return undefined;
}

/** Posts in each of a round's rooms that are still configured. */
export async function postInRooms(
  context: Context,
  rooms: readonly string[],
  key: string,
  message: MessageLike,
  options: PostOptions = {},
): Promise<void> {
  for (const room of rooms) if (context.rooms.byName(room)) await context.post(room, key, message, options);
}

/** The room a round's conversations belong to: of those it started with, or has now, the first that coffee still listens in. */
export function listeningRoomOf(
  { rounds }: CoffeeOptions,
  { name, rooms }: { name: string; rooms: readonly string[] },
): string | undefined {
  const heard = Object.values(rounds).flatMap(({ room }) => room);
  return [...rooms, ...(rounds[name]?.room ?? [])].find((room) => heard.includes(room));
}
