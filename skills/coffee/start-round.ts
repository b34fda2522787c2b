import { randomUUID } from 'node:crypto';
import { formatDuration, type Context } from '#skill';
import { openNextConversation } from './open-conversation.ts';
import { SAME_ROUND_MS, type CoffeeOptions } from './options.ts';
import { hash } from './random.ts';
import { latestRound, progressOf, type LatestRound } from './rounds.ts';

/** An unfinished round without progress for this long is broken: tries are at most an hour apart. */
const STALLED_AFTER_MS = 2 * 3_600_000;

export interface StartResult {
  readonly started: boolean;
  /** A sentence or two, not escaped. */
  readonly says: string;
  /** No new round was started because the last one is unfinished. */
  readonly blocked?: boolean;
}

/** Starts a round unless it has already started; resumes a stalled one. The result is stored for `request`. */
export async function startRound(
  context: Context<CoffeeOptions>,
  name: string,
  request?: string,
): Promise<StartResult> {
  const { sql, now } = context;
  let last = await latestRound(sql, name);
  if (last && (await claimStalledRound(context, last.id))) {
    context.log.warn({ round: last.id, state: last.state }, 'stalled round is resumed');
    if (last.state === 'pairing') return restartPairing(context, name, last, request);
    await context.cancel(`open:${last.id}`);
    await openNextConversation(context, last.id);
    last = await latestRound(sql, name);
  }
  const rest = last && progressOf(last);
  if (last && last.state !== 'failed') {
    const agoMs = now.getTime() - last.began_at.getTime();
    if (rest !== undefined || agoMs < SAME_ROUND_MS)
      return {
        started: false,
        says: `Round ${last.number} of ${name} started ${formatDuration(agoMs)} ago, so no new one was started.${rest === undefined ? '' : ` ${rest}`}`,
        blocked: rest !== undefined,
      };
  }
  return startNewRound(context, name, (last?.number ?? 0) + 1, request);
}

/** True for the first caller that finds the round stalled; the others must not resume it as well. */
async function claimStalledRound({ sql, now }: Context<CoffeeOptions>, id: string): Promise<boolean> {
  const taken = await sql(
    `update coffee_rounds set moved_at = $2 where id = $1 and state in ('pairing', 'opening') and moved_at <= $3 returning id`,
    [id, now, new Date(now.getTime() - STALLED_AFTER_MS)],
  );
  return taken.length > 0;
}

/** No groups exist yet, so it starts like a new round, under the number it already has. */
async function restartPairing(
  context: Context<CoffeeOptions>,
  name: string,
  { id, number, seed }: LatestRound,
  request: string | undefined,
): Promise<StartResult> {
  await context.sql(
    'update coffee_rounds set began_at = $2, tries = 0, reason = null, rooms = $3, follow_up_ms = $4 where id = $1',
    [id, context.now, ...roundSettings(context, name)],
  );
  await context.cancel(`again:${id}`);
  await startPairing(context, { id, name, number, seed }, request);
  return { started: true, says: `Round ${number} of ${name} had stalled and is being restarted.` };
}

async function startNewRound(
  context: Context<CoffeeOptions>,
  name: string,
  number: number,
  request: string | undefined,
): Promise<StartResult> {
  const id = randomUUID();
  const seed = seedOf(name, number);
  const made = await context.sql(
    `insert into coffee_rounds (id, name, number, seed, state, began_at, moved_at, rooms, follow_up_ms)
     values ($1, $2, $3, $4, 'pairing', $5, $5, $6, $7) on conflict (name, number) do nothing returning id`,
    [id, name, number, seed, context.now, ...roundSettings(context, name)],
  );
  // Another transaction started it between our two statements.
  if (made.length === 0)
    return { started: false, says: `Round ${number} of ${name} is just starting, so no other one was started.` };
  await startPairing(context, { id, name, number, seed }, request);
  return { started: true, says: `Round ${number} of ${name} is starting.` };
}

/** Settings that a round keeps to its end, even if the configuration changes. */
function roundSettings({ options }: Context<CoffeeOptions>, name: string): [readonly string[], number | null] {
  const round = options.rounds[name];
  return [round?.room ?? [], round?.followUp ?? null];
}

async function startPairing(
  { task, now }: Context<CoffeeOptions>,
  round: { id: string; name: string; number: number; seed: number },
  request: string | undefined,
): Promise<void> {
  await task('pair', { ...round, at: now.toISOString(), ...(request !== undefined && { request }) });
}

/** Depends only on name and number, so that a dry run shows the round that will follow. */
export function seedOf(name: string, number: number): number {
  return hash(number, ...Buffer.from(name));
}
