import type { Database, Query } from '../db/database.ts';
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

/** All schedules of one configuration, and its number in `config_generations`. */
export interface Crons {
  readonly generation: number;
  readonly specs: readonly CronSpec[];
}

/** While another schedule of the same name was followed for longer than this, nobody was to follow this one. */
const AWAY_MS = 5 * 60_000;

/**
 * Accepts the ticks that are due. However many were missed, the last one is made, once: its event is named after its
 * minute, and `last_at` moves in the same transaction. A cron seen for the first time begins now, and so does one that was
 * away from the configuration, or from a program that has gone back to it. A replica with an older configuration than another that lives leaves them all to that one,
 * else both would tick. Replicas with one configuration may still differ, in their program or in the skills that they
 * could load: each keeps its own schedules, and nobody those that only another has.
 */
export async function tickCrons(database: Database, now: Date, { generation, specs }: Crons): Promise<Accepted[]> {
  return database.transaction(async ({ query }) => {
    if (await isOlder(query, generation)) return [];
    const accepted: Accepted[] = [];
    await forgetGone(query, generation, specs);
    for (const spec of specs) {
      const name = nameOf(spec);
      const schedule = scheduleOf(spec);
      await query(
        `insert into crons (skill, name, schedule, last_at, seen_at, generation) values ($1, $2, $3, $4, $4, $5)
         on conflict (skill, name, schedule) do update set generation = greatest(crons.generation, excluded.generation),
           gone_in = case when crons.generation < excluded.generation then null else crons.gone_in end, seen_at = excluded.seen_at,
           last_at = case when exists (
             select 1 from crons other where other.skill = excluded.skill and other.name = excluded.name and other.seen_at > crons.seen_at + $6 * interval '1 ms')
             then excluded.last_at else crons.last_at end
         where crons.generation < excluded.generation or crons.seen_at < excluded.seen_at - interval '30 s'`,
        [spec.skill, name, schedule, now, generation, AWAY_MS],
      );
      const [row] = await query<{ last_at: Date }>(
        'select last_at from crons where skill = $1 and name = $2 and schedule = $3 for update skip locked',
        [spec.skill, name, schedule],
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
      await query('update crons set last_at = $4 where skill = $1 and name = $2 and schedule = $3', [
        ...[spec.skill, name, schedule],
        tick,
      ]);
    }
    return accepted;
  });
}

function nameOf({ name, key }: CronSpec): string {
  return key === undefined ? name : `${name}:${key}`;
}

function scheduleOf({ expression, timeZone, aheadMs }: CronSpec): string {
  return `${expression} ${timeZone}${aheadMs ? ` -${aheadMs}` : ''}`;
}

/**
 * What a newer configuration does not have is marked first, and forgotten under the one after it: a replica that lacks a
 * skill cannot tell a schedule that was taken out from one that it does not know. A replica of the same configuration
 * that does know it takes the mark away.
 */
async function forgetGone(query: Query, generation: number, specs: readonly CronSpec[]): Promise<void> {
  await query('delete from crons where gone_in < $1', [generation]);
  await query(
    `update crons set gone_in = $1 where generation < $1 and gone_in is null and not (skill || chr(10) || name || chr(10) || schedule = any($2))`,
    [generation, specs.map((spec) => `${spec.skill}\n${nameOf(spec)}\n${scheduleOf(spec)}`)],
  );
}

async function isOlder(query: Query, generation: number): Promise<boolean> {
  const newer = await query(
    `select 1 from replicas where generation > $1 and seen_at > clock_timestamp() - interval '10 s' limit 1`,
    [generation],
  );
  return newer.length > 0;
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
