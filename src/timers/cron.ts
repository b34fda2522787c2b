import type { Database } from '../db/database.ts';
import { insertEvents, type Accepted, type NewEvent } from '../dispatch/event.ts';
import { nextTick } from './next-tick.ts';

export { nextTick } from './next-tick.ts';

export interface CronSpec {
  readonly skill: string;
  readonly name: string;
  /** Which of several schedules of one name. */
  readonly key?: string;
  /** Five fields, minutes first. */
  readonly expression: string;
  readonly timeZone: string;
  /** So long before each time. Default 0. */
  readonly aheadMs?: number;
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
      const name = spec.key === undefined ? spec.name : `${spec.name}:${spec.key}`;
      const expression = spec.aheadMs ? `${spec.expression} -${spec.aheadMs}` : spec.expression;
      await query(
        `insert into crons (skill, name, expression, last_at) values ($1, $2, $3, $4)
         on conflict (skill, name) do update set expression = excluded.expression, last_at = excluded.last_at where crons.expression <> excluded.expression`,
        [spec.skill, name, expression, now],
      );
      const [row] = await query<{ last_at: Date }>(
        'select last_at from crons where skill = $1 and name = $2 for update skip locked',
        [spec.skill, name],
      );
      if (!row) continue;
      const tick = lastTick(spec, row.last_at, now);
      if (!tick) continue;
      const event: NewEvent = {
        source: 'cron',
        sourceId: `${spec.skill}:${name}:${tick.toISOString()}`,
        lane: `${spec.skill}:cron:${name}`,
        kind: 'cron',
        skill: spec.skill,
        name: spec.name,
        ...(spec.key !== undefined && { key: spec.key }),
        payload: '{}',
        happenedAt: tick,
      };
      accepted.push(...(await insertEvents(query, [event])));
      await query('update crons set last_at = $3 where skill = $1 and name = $2', [spec.skill, name, tick]);
    }
    return accepted;
  });
}

function lastTick(spec: CronSpec, after: Date, now: Date): Date | undefined {
  const aheadMs = spec.aheadMs ?? 0;
  const found = lastTime(spec, new Date(after.getTime() + aheadMs), new Date(now.getTime() + aheadMs));
  return found && new Date(found.getTime() - aheadMs);
}

function lastTime(spec: CronSpec, after: Date, now: Date): Date | undefined {
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
