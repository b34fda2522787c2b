import { escape, type Context, type RoomAddress } from '#skill';
import { openingMessage } from './opening-message.ts';
import type { CoffeeOptions } from './options.ts';
import { listeningRoomOf, postInRooms } from './rounds.ts';
import type { GroupMember } from './person-ids.ts';
import { count, list } from './wording.ts';

/** A longer list is cut. */
const MAX_NAMES = 10;

interface AnnouncedGroup {
  readonly name: string;
  readonly round: number;
  readonly rooms: readonly string[];
  readonly followUpMs: number | null;
  readonly people: readonly GroupMember[];
  readonly connector: string;
}

/** Posts the first message to a group: in its conversation, or in the room if the platform has no private conversations. */
export async function announceGroup(
  context: Context<CoffeeOptions>,
  group: number,
  at: RoomAddress | undefined,
): Promise<void> {
  const [told] = await context.sql<AnnouncedGroup>(
    `update coffee_groups g set state = 'told', reason = null from coffee_rounds r, coffee_conversations c
     where g.number = $1 and r.id = g.round_id and c.id = g.conversation_id
     returning r.name, r.number as round, r.rooms, r.follow_up_ms as "followUpMs", g.people, c.connector`,
    [group],
  );
  if (!told) return;
  const place = at ?? placeOn(context, told.rooms, told.connector);
  if (!place) {
    const reason = `${told.connector} has no private conversations, and none of this round's rooms is configured any more`;
    await context.sql("update coffee_groups set state = 'failed', reason = $2 where number = $1", [group, reason]);
    return;
  }
  const home = listeningRoomOf(context.options, told);
  if (at && home !== undefined) await context.listen(at, home);
  const followUpMs = at && home === undefined ? null : told.followUpMs;
  const message = await openingMessage(context, { ...told, followUpMs, group });
  await context.post(place, `group:${group}`, message, { ring: true });
  if (followUpMs !== null)
    await context.at(`followUp:${group}`, new Date(context.now.getTime() + followUpMs), 'followUp', {
      group,
      place: { connector: place.connector, room: place.room },
    });
}

function placeOn(
  context: Context<CoffeeOptions>,
  rooms: readonly string[],
  connector: string,
): RoomAddress | undefined {
  return rooms
    .flatMap((room) => context.rooms.byName(room)?.addresses ?? [])
    .find((address) => address.connector === connector);
}

/** Ends a round once every group was told or has failed; reports the failed ones in the round's rooms. */
export async function finishRound(context: Context<CoffeeOptions>, id: string): Promise<void> {
  const [round] = await context.sql<{ rooms: readonly string[] }>(
    "update coffee_rounds set state = 'told', moved_at = $2 where id = $1 and state = 'opening' returning rooms",
    [id, context.now],
  );
  if (!round) return;
  const groups = await inState(context, id, 'failed');
  if (groups.length > 0) {
    const what = `No conversation could be opened for ${count(groups.length, 'group')}: ${reasonsOf(groups)}. \`!coffee status\` shows each of them whom they are paired with.`;
    return postInRooms(context, round.rooms, `failed:${id}`, `${what}\n${namesOf(groups)}`);
  }
  for (const room of round.rooms)
    if (context.rooms.byName(room) && (await context.shown(room, `failed:${id}`)))
      await context.post(room, `failed:${id}`, 'Every group now has its conversation.');
}

/** Reports in the round's rooms that some conversations could still not be opened; `finishRound` updates that message. */
export async function reportPendingGroups(context: Context<CoffeeOptions>, id: string): Promise<void> {
  const [round] = await context.sql<{ rooms: readonly string[] }>('select rooms from coffee_rounds where id = $1', [
    id,
  ]);
  const groups = await inState(context, id, 'waiting');
  const what = `No conversation could be opened yet for ${count(groups.length, 'group')}: ${reasonsOf(groups)}. I will keep trying for a day.`;
  await postInRooms(context, round?.rooms ?? [], `failed:${id}`, `${what}\n${namesOf(groups)}`);
}

interface FailedGroup {
  readonly reason: string | null;
  readonly people: readonly GroupMember[];
}

function inState({ sql }: Context<CoffeeOptions>, round: string, state: 'waiting' | 'failed'): Promise<FailedGroup[]> {
  return sql<FailedGroup>(
    'select reason, people from coffee_groups where round_id = $1 and state = $2 order by position',
    [round, state],
  );
}

function reasonsOf(groups: readonly FailedGroup[]): string {
  return [...new Set(groups.flatMap(({ reason }) => reason ?? []))].slice(0, 3).map(escape).join('; ');
}

function namesOf(groups: readonly FailedGroup[]): string {
  const names = groups.slice(0, MAX_NAMES).map(({ people }) => list(people.map(({ name }) => name)));
  return [...names, ...(groups.length > MAX_NAMES ? [`… and ${groups.length - MAX_NAMES} more`] : [])].join('\n');
}
