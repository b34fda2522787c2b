import { randomUUID } from 'node:crypto';
import { formatDuration, type Context } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { hash } from './random.ts';

/** A round that began less than this ago is the one that was asked for: a CronJob and `every` may both call. */
const SAME_ROUND_MS = 12 * 3_600_000;

export interface Started {
  readonly made: boolean;
  /** One sentence. */
  readonly says: string;
}

/** Begins a round, unless it has begun already. `request` gets a report of what came of it. */
export async function startRound(context: Context<CoffeeOptions>, name: string, request?: string): Promise<Started> {
  const { sql, now, task } = context;
  const [last] = await sql<{ number: number; state: string; began_at: Date }>(
    'select number, state, began_at from coffee_rounds where name = $1 order by number desc limit 1',
    [name],
  );
  if (last && last.state !== 'failed') {
    const agoMs = now.getTime() - last.began_at.getTime();
    if (last.state !== 'told' || agoMs < SAME_ROUND_MS)
      return {
        made: false,
        says: `Round ${last.number} of ${name} began ${formatDuration(agoMs)} ago; there is no other.`,
      };
  }
  const number = (last?.number ?? 0) + 1;
  const id = randomUUID();
  const seed = seedOf(name, number);
  const made = await sql(
    `insert into coffee_rounds (id, name, number, seed, state, began_at) values ($1, $2, $3, $4, 'pairing', $5)
     on conflict (name, number) do nothing returning id`,
    [id, name, number, seed, now],
  );
  // Somebody else began it between our two statements.
  if (made.length === 0)
    return { made: false, says: `Round ${number} of ${name} begins right now; there is no other.` };
  await task('pair', { id, name, number, seed, at: now.toISOString(), ...(request !== undefined && { request }) });
  return { made: true, says: `Round ${number} of ${name} begins.` };
}

/** Known before the round is made, so that a dry run shows the round that would be. */
export function seedOf(name: string, number: number): number {
  return hash(number, ...Buffer.from(name));
}
