import { cut, defineTask, escape, z, type Context, type RoomAddress, type TaskOutcome } from '#skill';
import { opener } from './opener.ts';
import type { CoffeeOptions } from './options.ts';
import { count, list, type Reached } from './words.ts';

const order = z.object({
  round: z.string(),
  group: z.int(),
  conversation: z.object({
    uuid: z.string(),
    connector: z.string(),
    people: z.array(z.string()),
    name: z.string(),
  }),
});
type OpenOrder = z.output<typeof order>;

const opened = z.union([
  z.object({ room: z.string() }),
  /** The platform has no private conversations. */
  z.object({ none: z.literal(true) }),
  z.object({ waitMs: z.number() }),
  z.object({ refused: z.string() }),
]);
type Opened = z.output<typeof opened>;

/** After so many tries, an hour apart at most, a group is left to find together by itself. */
const MOST_TRIES = 24;
const LONGEST_WAIT_MS = 3_600_000;

/** Opens one conversation. Its uuid is in the group's row, so a repeat after a crash finds the same one. */
export const openTask = defineTask<CoffeeOptions, OpenOrder, Opened>({
  payload: order,
  result: opened,
  idempotent: true,
  attempts: 2,
  async run({ payload, chat }) {
    try {
      const room = await chat.open(payload.conversation);
      return room ? { room: room.room } : { none: true };
    } catch (error) {
      const { code, retryAfterMs, reason } = error as { code?: unknown; retryAfterMs?: unknown; reason?: unknown };
      // Waiting is a timer's: a task that sleeps holds one of the four places for tasks.
      if (code === 'WB_RATE_LIMITED' && typeof retryAfterMs === 'number') return { waitMs: retryAfterMs };
      if (code === 'WB_REJECTED') return { refused: String(reason) };
      throw error;
    }
  },
  done: handleOpened,
});

const next = z.object({ round: z.string() });

/** Goes on after a wait. */
export const openTimer = {
  payload: next,
  run: (context: Context<CoffeeOptions>, { payload }: { payload: z.output<typeof next> }) =>
    openNext(context, payload.round),
};

interface Waiting {
  readonly number: number;
  readonly tries: number;
  readonly people: readonly Reached[];
  readonly conversation_id: string;
  readonly connector: string;
  readonly accounts: readonly string[];
}

/** Takes up the next group that has not been told; without one the round is over. There is one such chain for each round. */
export async function openNext(context: Context<CoffeeOptions>, round: string): Promise<void> {
  const { sql, task } = context;
  const [group] = await sql<Waiting>(
    `select g.number, g.tries, g.people, g.conversation_id, c.connector, c.people as accounts
     from coffee_groups g join coffee_conversations c on c.id = g.conversation_id
     where g.round_id = $1 and g.state = 'waiting' order by g.tries, g.position limit 1`,
    [round],
  );
  if (!group) return finish(context, round);
  await task('open', {
    ...{ round, group: group.number },
    conversation: {
      ...{ uuid: group.conversation_id, connector: group.connector, people: group.accounts },
      name: cut(`Coffee: ${group.people.map(({ name }) => name).join(', ')}`, 200),
    },
  });
}

async function handleOpened(context: Context<CoffeeOptions>, outcome: TaskOutcome<OpenOrder, Opened>): Promise<void> {
  const { sql, now, at, log } = context;
  const { round, group, conversation } = outcome.payload;
  const [row] = await sql<{ tries: number; state: string }>(
    'select tries, state from coffee_groups where number = $1 for update',
    [group],
  );
  // Told already: this is the end of a chain that was taken up twice; the other one goes on.
  if (row?.state !== 'waiting') return;
  const wait = (ms: number): Promise<void> => at(`open:${round}`, new Date(now.getTime() + ms), 'open', { round });
  if (!outcome.ok || 'refused' in outcome.result) {
    const reason = outcome.ok ? ('refused' in outcome.result ? outcome.result.refused : '') : outcome.reason;
    const tries = outcome.ok ? MOST_TRIES : row.tries + 1;
    const isOver = tries >= MOST_TRIES;
    await sql('update coffee_groups set tries = $2, reason = $3, state = $4 where number = $1', [
      ...[group, tries, reason],
      isOver ? 'failed' : 'waiting',
    ]);
    log.warn({ group, tries, reason }, 'a conversation could not be opened');
    // Others go first; when all have failed so often, the platform is given time.
    const [least] = await sql<{ tries: number | null }>(
      "select min(tries) as tries from coffee_groups where round_id = $1 and state = 'waiting'",
      [round],
    );
    const before = least?.tries ?? 0;
    return before === 0 ? openNext(context, round) : wait(Math.min(30_000 * 2 ** (before - 1), LONGEST_WAIT_MS));
  }
  if ('waitMs' in outcome.result) return wait(outcome.result.waitMs);
  const room = 'room' in outcome.result ? outcome.result.room : undefined;
  if (room !== undefined)
    await sql('update coffee_conversations set room = $2 where id = $1', [conversation.uuid, room]);
  await tell(context, group, room === undefined ? undefined : { connector: conversation.connector, room });
  await openNext(context, round);
}

/** Tells one group, in its conversation, or in the room where the platform has none. */
async function tell(context: Context<CoffeeOptions>, group: number, at: RoomAddress | undefined): Promise<void> {
  const [told] = await context.sql<{ name: string; people: readonly Reached[]; connector: string; round: number }>(
    `update coffee_groups g set state = 'told', reason = null from coffee_rounds r, coffee_conversations c
     where g.number = $1 and r.id = g.round_id and c.id = g.conversation_id
     returning r.name, r.number as round, g.people, c.connector`,
    [group],
  );
  const options = context.options.rounds[told?.name ?? ''];
  const [belongsTo] = options?.room ?? [];
  if (!told || !options || belongsTo === undefined) return;
  const place = at ?? placeOn(context, options.room, told.connector);
  if (!place) return;
  if (at) await context.listen(at, belongsTo);
  await context.post(place, `group:${group}`, await opener(context, { ...told, group, inRoom: !at }), { ring: true });
  if (options.followUp !== undefined)
    await context.at(`followUp:${group}`, new Date(context.now.getTime() + options.followUp), 'followUp', {
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

async function finish(context: Context<CoffeeOptions>, id: string): Promise<void> {
  const { sql, options, post } = context;
  const [round] = await sql<{ name: string; number: number }>(
    "update coffee_rounds set state = 'told' where id = $1 and state = 'opening' returning name, number",
    [id],
  );
  const failed = await sql<{ number: number; reason: string; people: readonly Reached[] }>(
    "select number, reason, people from coffee_groups where round_id = $1 and state = 'failed' order by position",
    [id],
  );
  if (!round || failed.length === 0) return;
  const names = failed.slice(0, 10).map(({ people }) => list(people.map(({ name }) => name)));
  const more = failed.length > 10 ? `\n… and ${count(failed.length - 10, 'more')}` : '';
  for (const room of options.rounds[round.name]?.room ?? [])
    await post(room, `failed:${id}`, `${failedText(failed)}\n${names.join('\n')}${more}`);
}

/** What went wrong, told once the others have their conversations. */
function failedText(failed: readonly { number: number; reason: string }[]): string {
  const reasons = [...new Set(failed.map(({ reason }) => reason))].slice(0, 3).map(escape).join('; ');
  return `For ${count(failed.length, 'group')} no conversation could be opened: ${reasons}. \`coffee status\` shows each member with whom they are.`;
}
