import { Cron } from 'croner';
import type { Database } from '../db/database.ts';
import { insertEvents, type Accepted, type NewEvent } from '../dispatch/event.ts';

export interface CronSpec {
  readonly skill: string;
  readonly name: string;
  /** Five fields, minutes first. */
  readonly expression: string;
  readonly timeZone: string;
}

/** The first time after `after` at which the expression ticks; undefined: never. */
export function nextTick(expression: string, timeZone: string, after: Date): Date | undefined {
  return new Cron(expression, { timezone: timeZone, paused: true }).nextRun(after) ?? undefined;
}

/**
 * Accepts the ticks that are due. However many were missed, the last one is made, once: its event is named after its
 * minute, and `last_at` moves in the same transaction. A cron seen for the first time begins now.
 */
export async function tickCrons(database: Database, now: Date, specs: readonly CronSpec[]): Promise<Accepted[]> {
  if (specs.length === 0) return [];
  return database.transaction(async ({ query }) => {
    const accepted: Accepted[] = [];
    for (const spec of specs) {
      await query(
        `insert into crons (skill, name, expression, last_at) values ($1, $2, $3, $4)
         on conflict (skill, name) do update set expression = excluded.expression, last_at = excluded.last_at where crons.expression <> excluded.expression`,
        [spec.skill, spec.name, spec.expression, now],
      );
      const [row] = await query<{ last_at: Date }>(
        'select last_at from crons where skill = $1 and name = $2 for update skip locked',
        [spec.skill, spec.name],
      );
      if (!row) continue;
      const tick = lastTick(spec, row.last_at, now);
      if (!tick) continue;
      const event: NewEvent = {
        source: 'cron',
        sourceId: `${spec.skill}:${spec.name}:${tick.toISOString()}`,
        lane: `${spec.skill}:cron:${spec.name}`,
        kind: 'cron',
        skill: spec.skill,
        name: spec.name,
        payload: '{}',
        happenedAt: tick,
      };
      accepted.push(...(await insertEvents(query, [event])));
      await query('update crons set last_at = $3 where skill = $1 and name = $2', [spec.skill, spec.name, tick]);
    }
    return accepted;
  });
}

function lastTick(spec: CronSpec, after: Date, now: Date): Date | undefined {
  let found: Date | undefined;
  let next = nextTick(spec.expression, spec.timeZone, after);
  // A cron of each minute after a month away would walk 43,200 steps; begin near the end then.
  if (next && now.getTime() - next.getTime() > 2 * 86_400_000) {
    const near = nextTick(spec.expression, spec.timeZone, new Date(now.getTime() - 86_400_000));
    // A rare one has no tick in the last day: its few missed ones are walked.
    if (near && near <= now) next = near;
  }
  while (next && next <= now) {
    found = next;
    next = nextTick(spec.expression, spec.timeZone, next);
  }
  return found;
}
