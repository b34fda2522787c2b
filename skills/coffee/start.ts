import { randomUUID } from 'node:crypto';
import { formatDuration, type Context } from '#skill';
import { openNext } from './open.ts';
import { SAME_ROUND_MS, type CoffeeOptions } from './options.ts';
import { hash } from './random.ts';
import { latestRound, unfinished, type LatestRound } from './rounds.ts';

/** One that is not over and stands still for longer is broken: no more than an hour lies between two tries. */
const STANDS_STILL_MS = 2 * 3_600_000;

export interface Started {
  readonly made: boolean;
  /** A sentence or two, not escaped. */
  readonly says: string;
  /** The last round is not over, so there is no new one. */
  readonly inTheWay?: boolean;
}

/** Begins a round, unless it has begun already. `request` gets a report of what came of it. */
export async function startRound(context: Context<CoffeeOptions>, name: string, request?: string): Promise<Started> {
  const { sql, now } = context;
  let last = await latestRound(sql, name);
  if (last && (await takesUp(context, last.id))) {
    context.log.warn({ round: last.id, state: last.state }, 'round stood still and is taken up again');
    if (last.state === 'pairing') return pairAgain(context, name, last, request);
    await context.cancel(`open:${last.id}`);
    await openNext(context, last.id);
    last = await latestRound(sql, name);
  }
  const rest = last && unfinished(last);
  if (last && last.state !== 'failed') {
    const agoMs = now.getTime() - last.began_at.getTime();
    if (rest !== undefined || agoMs < SAME_ROUND_MS)
      return {
        made: false,
        says: `Round ${last.number} of ${name} began ${formatDuration(agoMs)} ago; there is no other.${rest === undefined ? '' : ` ${rest}`}`,
        inTheWay: rest !== undefined,
      };
  }
  return beginRound(context, name, (last?.number ?? 0) + 1, request);
}

/** True for whoever finds that it stands still, and for nobody else until it does so again: several would all go on. */
async function takesUp({ sql, now }: Context<CoffeeOptions>, id: string): Promise<boolean> {
  const taken = await sql(
    `update coffee_rounds set moved_at = $2 where id = $1 and state in ('pairing', 'opening') and moved_at <= $3 returning id`,
    [id, now, new Date(now.getTime() - STANDS_STILL_MS)],
  );
  return taken.length > 0;
}

/** Nothing was decided yet, so it begins as a new one would, under the number that it has. */
async function pairAgain(
  context: Context<CoffeeOptions>,
  name: string,
  { id, number, seed }: LatestRound,
  request: string | undefined,
): Promise<Started> {
  await context.sql(
    'update coffee_rounds set began_at = $2, tries = 0, reason = null, rooms = $3, follow_up_ms = $4 where id = $1',
    [id, context.now, ...decided(context, name)],
  );
  await context.cancel(`again:${id}`);
  await order(context, { id, name, number, seed }, request);
  return { made: true, says: `Round ${number} of ${name} stood still, and begins again.` };
}

async function beginRound(
  context: Context<CoffeeOptions>,
  name: string,
  number: number,
  request: string | undefined,
): Promise<Started> {
  const id = randomUUID();
  const seed = seedOf(name, number);
  const made = await context.sql(
    `insert into coffee_rounds (id, name, number, seed, state, began_at, moved_at, rooms, follow_up_ms)
     values ($1, $2, $3, $4, 'pairing', $5, $5, $6, $7) on conflict (name, number) do nothing returning id`,
    [id, name, number, seed, context.now, ...decided(context, name)],
  );
  // Somebody else began it between our two statements.
  if (made.length === 0)
    return { made: false, says: `Round ${number} of ${name} begins right now; there is no other.` };
  await order(context, { id, name, number, seed }, request);
  return { made: true, says: `Round ${number} of ${name} begins.` };
}

/** What stays as it is until the round is over, whatever becomes of the configuration. */
function decided({ options }: Context<CoffeeOptions>, name: string): [readonly string[], number | null] {
  const round = options.rounds[name];
  return [round?.room ?? [], round?.followUp ?? null];
}

async function order(
  { task, now }: Context<CoffeeOptions>,
  round: { id: string; name: string; number: number; seed: number },
  request: string | undefined,
): Promise<void> {
  await task('pair', { ...round, at: now.toISOString(), ...(request !== undefined && { request }) });
}

/** Known before the round is made, so that a dry run shows the round that would be. */
export function seedOf(name: string, number: number): number {
  return hash(number, ...Buffer.from(name));
}
