import { cut, defineTask, z, type Context, type TaskOutcome } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { announceGroup, finishRound, reportPendingGroups } from './announce-group.ts';
import type { GroupMember } from './person-ids.ts';
import { reasonIn } from './wording.ts';

const openPayload = z.object({
  round: z.string(),
  group: z.int(),
  conversation: z.object({
    uuid: z.string(),
    connector: z.string(),
    people: z.array(z.string()),
    name: z.string(),
  }),
});
type OpenPayload = z.output<typeof openPayload>;

const openResult = z.union([
  z.object({ room: z.string() }),
  /** The platform has no private conversations. */
  z.object({ none: z.literal(true) }),
  z.object({ waitMs: z.number() }),
  z.object({ refused: z.string() }),
]);
type OpenResult = z.output<typeof openResult>;

/** Delays between tries double up to an hour: the first limit is reached in about an hour, the second in about a day. */
const TRIES_WITHIN_AN_HOUR = 8;
const MAX_TRIES = 30;
const FIRST_WAIT_MS = 30_000;
const MAX_WAIT_MS = 3_600_000;

/** Opens one conversation. Its uuid is in the group's row, so a repeat after a crash finds the same one. */
export const openConversationTask = defineTask<CoffeeOptions, OpenPayload, OpenResult>({
  payload: openPayload,
  result: openResult,
  idempotent: true,
  attempts: 2,
  async run({ payload, chat }) {
    try {
      const room = await chat.open(payload.conversation);
      return room ? { room: room.room } : { none: true };
    } catch (error) {
      const { code, retryAfterMs, reason } = error as { code?: unknown; retryAfterMs?: unknown; reason?: unknown };
      // A timer does the waiting: a sleeping task would hold one of the four task slots.
      if (code === 'WB_RATE_LIMITED' && typeof retryAfterMs === 'number') return { waitMs: retryAfterMs };
      if (code === 'WB_REJECTED') return { refused: String(reason) };
      throw error;
    }
  },
  done: handleOpened,
});

const roundRef = z.object({ round: z.string() });

/** Continues a round after a delay. */
export const openNextTimer = {
  payload: roundRef,
  run: (context: Context<CoffeeOptions>, { payload }: { payload: z.output<typeof roundRef> }) =>
    openNextConversation(context, payload.round),
};

interface WaitingGroup {
  readonly number: number;
  readonly tries: number;
  readonly people: readonly GroupMember[];
  readonly conversation_id: string;
  readonly connector: string;
  readonly accounts: readonly string[];
}

/** Opens the conversation of the next waiting group, or finishes the round. Each round has one such chain of tasks. */
export async function openNextConversation(context: Context<CoffeeOptions>, round: string): Promise<void> {
  const { sql, task } = context;
  const [group] = await sql<WaitingGroup>(
    `select g.number, g.tries, g.people, g.conversation_id, c.connector, c.people as accounts
     from coffee_groups g join coffee_conversations c on c.id = g.conversation_id
     where g.round_id = $1 and g.state = 'waiting' order by g.tries, g.position limit 1`,
    [round],
  );
  if (!group) return finishRound(context, round);
  await task('open', {
    ...{ round, group: group.number },
    conversation: {
      ...{ uuid: group.conversation_id, connector: group.connector, people: group.accounts },
      name: cut(`Coffee: ${group.people.map(({ name }) => name).join(', ')}`, 200),
    },
  });
}

async function handleOpened(
  context: Context<CoffeeOptions>,
  outcome: TaskOutcome<OpenPayload, OpenResult>,
): Promise<void> {
  const { sql, now } = context;
  const { round, group, conversation } = outcome.payload;
  const [row] = await sql<{ tries: number; state: string }>(
    'select tries, state from coffee_groups where number = $1 for update',
    [group],
  );
  // Already announced: a resumed round has two such chains for a moment, and this one ends here.
  if (row?.state !== 'waiting') return;
  await sql('update coffee_rounds set moved_at = $2 where id = $1', [round, now]);
  if (!outcome.ok) {
    await recordFailure(context, { group, tries: row.tries + 1, reason: reasonIn(outcome.reason) });
    return continueRound(context, round, row.tries);
  }
  const { result } = outcome;
  if ('waitMs' in result) return wait(context, round, result.waitMs);
  if ('refused' in result) await recordFailure(context, { group, tries: MAX_TRIES, reason: reasonIn(result.refused) });
  else if ('room' in result) {
    await sql('update coffee_conversations set room = $2 where id = $1', [conversation.uuid, result.room]);
    await announceGroup(context, group, { connector: conversation.connector, room: result.room });
  } else await announceGroup(context, group, undefined);
  await continueRound(context, round, row.tries);
}

async function recordFailure(
  { sql, log }: Context<CoffeeOptions>,
  { group, tries, reason }: { group: number; tries: number; reason: string },
): Promise<void> {
  const state = tries >= MAX_TRIES ? 'failed' : 'waiting';
  await sql('update coffee_groups set tries = $2, reason = $3, state = $4 where number = $1', [
    ...[group, tries, reason],
    state,
  ]);
  log.warn({ group, tries, reason }, 'a conversation could not be opened');
}

function wait({ at, now }: Context<CoffeeOptions>, round: string, ms: number): Promise<void> {
  return at(`open:${round}`, new Date(now.getTime() + ms), 'open', { round });
}

/** First tries all other groups that have failed less often; only then waits, once for all of them. */
async function continueRound(context: Context<CoffeeOptions>, round: string, tries: number): Promise<void> {
  const [least] = await context.sql<{ tries: number | null }>(
    "select min(tries) as tries from coffee_groups where round_id = $1 and state = 'waiting'",
    [round],
  );
  const next = least?.tries ?? 0;
  if (next <= tries) return openNextConversation(context, round);
  if (next >= TRIES_WITHIN_AN_HOUR) await reportPendingGroups(context, round);
  return wait(context, round, Math.min(FIRST_WAIT_MS * 2 ** (next - 1), MAX_WAIT_MS));
}
