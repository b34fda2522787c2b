import type { Database, Query } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import { insertEvents, type Accepted, type NewEvent } from '../events/event.ts';
import { fence, type Lease } from '../replicas/lease.ts';
import { nextTick } from './next-tick.ts';

export interface CronSpec {
  readonly skill: string;
  readonly name: string;
  /** Distinguishes several schedules of one cron. */
  readonly key?: string;
  /** Five fields, minutes first. */
  readonly expression: string;
  readonly timeZone: string;
  /** How long before each time it ticks. Default 0. */
  readonly leadTimeMs?: number;
}

/** The stored state of a cron: its schedule, and up to when its ticks were made. */
export interface CronRow {
  readonly skill: string;
  readonly name: string;
  /** Empty if it has only one schedule. */
  readonly key: string;
  readonly schedule: string;
  readonly last_at: Date;
}

/** All schedules of one configuration. */
export interface Crons {
  readonly specs: readonly CronSpec[];
  /** Configured skills that could not be loaded: the state of their crons is kept. */
  readonly broken: ReadonlySet<string>;
  /** Crons whose `schedule` threw. */
  readonly failed: readonly FailedCron[];
}

/** A cron with an invalid schedule. It makes no ticks; its state is kept until it is fixed. */
export interface FailedCron {
  readonly skill: string;
  readonly name: string;
  readonly reason: string;
}

export interface CronChanges {
  readonly written: readonly CronRow[];
  readonly ticks: readonly NewEvent[];
  readonly gone: readonly CronRow[];
  readonly failed: readonly FailedCron[];
}

/** The result of one check. */
export interface Ticked {
  readonly accepted: readonly Accepted[];
  readonly failed: readonly FailedCron[];
}

const DAY_MS = 86_400_000;

/**
 * Accepts due ticks, as the holder of the lease `cron`. Their events, each named after its minute, and the state of the crons are
 * written in one transaction. @throws {LeaseLost}
 */
export async function tickCrons(database: Database, lease: Lease, now: Date, crons: Crons): Promise<Ticked> {
  // Only the holder of the lease writes them, and the fence checks that it still is.
  const rows = await database.query<CronRow>('select skill, name, key, schedule, last_at from crons');
  const { written, ticks, gone, failed } = planCrons(rows, crons, now);
  if (written.length + gone.length === 0) return { accepted: [], failed };
  return database.transaction(async (transaction) => {
    await fence(transaction, lease);
    if (written.length > 0) await writeCrons(transaction.query, written);
    if (gone.length > 0) await forgetCrons(transaction.query, gone);
    return { accepted: ticks.length > 0 ? await insertEvents(transaction.query, ticks) : [], failed };
  });
}

/**
 * Plans the changes. Of missed ticks, the last one is made. A new cron, or one with a changed schedule, starts now; one that is no
 * longer configured is forgotten. An invalid one does not affect the others.
 */
export function planCrons(rows: readonly CronRow[], { specs, broken, failed: unknown }: Crons, now: Date): CronChanges {
  const known = new Map(rows.map((row) => [identity(row), row]));
  const written: CronRow[] = [];
  const ticks: NewEvent[] = [];
  const failed = [...unknown];
  for (const spec of specs) {
    const { skill, name, key = '' } = spec;
    const row = { skill, name, key, schedule: scheduleOf(spec) };
    const before = known.get(identity(row));
    known.delete(identity(row));
    try {
      // For a new cron too: an invalid expression must be reported at once, not at its first tick.
      const tick = lastTick(spec, before?.last_at ?? now, now);
      if (before?.schedule !== row.schedule) written.push({ ...row, last_at: now });
      else if (tick) {
        written.push({ ...row, last_at: tick });
        ticks.push(eventOf(spec, tick));
      }
    } catch (error) {
      failed.push({ skill, name, reason: messageOf(error) });
    }
  }
  const isKept = ({ skill, name }: CronRow): boolean =>
    broken.has(skill) || unknown.some((one) => one.skill === skill && one.name === name);
  return { written, ticks, gone: [...known.values()].filter((row) => !isKept(row)), failed };
}

const identity = ({ skill, name, key }: Pick<CronRow, 'skill' | 'name' | 'key'>): string => `${skill}\n${name}\n${key}`;

function scheduleOf({ expression, timeZone, leadTimeMs }: CronSpec): string {
  return `${expression} ${timeZone}${leadTimeMs ? ` -${leadTimeMs}` : ''}`;
}

function eventOf({ skill, name, key }: CronSpec, tick: Date): NewEvent {
  const full = key === undefined ? name : `${name}:${key}`;
  return {
    ...{ source: 'cron', sourceId: `${skill}:${full}:${tick.toISOString()}`, lane: `${skill}:cron:${full}` },
    ...{ kind: 'cron', skill, name, ...(key !== undefined && { key }), payload: '{}', happenedAt: tick },
  };
}

async function writeCrons(query: Query, rows: readonly CronRow[]): Promise<void> {
  await query(
    `insert into crons (skill, name, key, schedule, last_at) select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     on conflict (skill, name, key) do update set schedule = excluded.schedule, last_at = excluded.last_at`,
    [
      rows.map((row) => row.skill),
      rows.map((row) => row.name),
      rows.map((row) => row.key),
      rows.map((row) => row.schedule),
      rows.map((row) => row.last_at),
    ],
  );
}

async function forgetCrons(query: Query, rows: readonly CronRow[]): Promise<void> {
  await query(
    `delete from crons where (skill, name, key) in (select * from unnest($1::text[], $2::text[], $3::text[]))`,
    [rows.map((row) => row.skill), rows.map((row) => row.name), rows.map((row) => row.key)],
  );
}

function lastTick(spec: CronSpec, after: Date, now: Date): Date | undefined {
  const leadTimeMs = spec.leadTimeMs ?? 0;
  const found = lastTime(spec, new Date(after.getTime() + leadTimeMs), new Date(now.getTime() + leadTimeMs));
  return found && new Date(found.getTime() - leadTimeMs);
}

function lastTime({ expression, timeZone }: CronSpec, after: Date, now: Date): Date | undefined {
  let found: Date | undefined;
  let next = nextTick(expression, timeZone, after);
  // After a month of downtime a cron for each minute would take 43,200 steps, so start near the end.
  if (next && now.getTime() - next.getTime() > 2 * DAY_MS) {
    const near = nextTick(expression, timeZone, new Date(now.getTime() - DAY_MS));
    // A rare cron has no tick in the last day, and few missed ones.
    if (near && near <= now) next = near;
  }
  while (next && next <= now) {
    found = next;
    next = nextTick(expression, timeZone, next);
  }
  return found;
}
