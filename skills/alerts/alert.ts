import type { Sql } from '#skill';
import type { Interval } from './advance.ts';
import type { Destination } from './route.ts';
import type { Severity } from './severity.ts';

/** Somebody who has an alert; `key` is the person, or the account of somebody who is not listed. */
export interface Holder {
  readonly key: string;
  readonly name: string;
  readonly person: string | null;
  readonly connector: string;
  readonly accountId: string;
}

/** Times are ISO: it is stored as JSON. */
export interface Ack {
  readonly owner: Holder;
  readonly at: string;
  /** Null: until it is over. */
  readonly until: string | null;
  readonly note: string | null;
  /** Further people who said they are on it; the first becomes the owner when the owner gives it back. */
  readonly others: readonly Holder[];
  /** When "still on it?" was asked and not answered yet. */
  readonly askedAt: string | null;
}

/** A destination as decided, with the row of the group it is shown in, and the receiver it came by. */
export interface Place extends Destination {
  readonly group: number | null;
  readonly receiver: string;
}

export interface Alert extends Interval {
  /** Null: not written yet. */
  readonly id: number | null;
  /** What people type; null only while it is unheard of, or not written yet. */
  readonly number: number | null;
  readonly source: string;
  readonly fingerprint: string;
  readonly severity: Severity;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generatorUrl: string | null;
  readonly weekCount: number;
  readonly ack: Ack | null;
  readonly places: readonly Place[];
  readonly receivers: readonly string[];
}

/** An alert that people know of; its row may be about to be written. */
export type Named = Alert & { readonly number: number };
export type Numbered = Named & { readonly id: number };

export const isNamed = (alert: Alert): alert is Named => alert.number !== null;

export const COLUMNS = `a.id, a.number, a.source, a.fingerprint, a.phase, a.severity, a.name, a.labels, a.annotations,
  a.generator_url as "generatorUrl", a.started_at as "startedAt", a.reported_start as "reportedStart", a.ended_at as "endedAt",
  a.last_ends_at as "lastEndsAt", a.firing_received_at as "firingReceivedAt", a.resolved_received_at as "resolvedReceivedAt",
  a.firing_order as "firingOrder", a.resolved_order as "resolvedOrder", a.words,
  a.week_count as "weekCount", a.ack, a.places, a.receivers`;

/** What is known of a fingerprint, and what an episode that begins now would need. */
export interface Look {
  readonly before: Alert | undefined;
  /** Drawn where there is certainly need of one: a gap among the numbers would puzzle people. */
  readonly number: number | null;
  readonly weekCount: number;
}

/**
 * Locks what is there, in order of ids as everything that locks alerts does. `+ 0` keeps the order from being taken from
 * the primary key, by reading all of it, where the table was empty when this was planned. For `firing` ones that are new
 * to people a number is drawn, so that what is shown need not wait for what is written.
 */
export async function lockByFingerprint(
  sql: Sql,
  source: string,
  asked: readonly { readonly fingerprint: string; readonly firing: boolean }[],
  now: Date,
): Promise<Map<string, Look>> {
  const rows = await sql<Alert & { asked: string; drawn: number | null; episodes: number | null }>(
    `with found as materialized (select ${COLUMNS} from alerts a where a.source = $1 and a.fingerprint = any($2) order by a.id + 0 for update)
     select g.asked, case when g.firing and (found.id is null or found.phase = 'unheard') then nextval('alert_numbers')::integer end as drawn,
       case when g.firing and found.phase <> 'firing' then (select count(*)::integer from alert_episodes e where e.alert_id = found.id and e.opened_at > $4::timestamptz - interval '7 days') end as episodes,
       found.*
     from unnest($2::text[], $3::boolean[]) with ordinality as g (asked, firing, nth) left join found on found.fingerprint = g.asked order by g.nth`,
    [source, asked.map((one) => one.fingerprint), asked.map((one) => one.firing), now],
  );
  return new Map(
    rows.map(({ asked: fingerprint, drawn, episodes, ...alert }) => [
      fingerprint,
      { before: alert.id === null ? undefined : alert, number: drawn, weekCount: 1 + (episodes ?? 0) },
    ]),
  );
}

/** Numbers for alerts that are new to people again, after a day or a close. */
export async function drawNumbers(sql: Sql, count: number): Promise<number[]> {
  const rows = await sql<{ number: number }>(
    `select nextval('alert_numbers')::integer as number from generate_series(1, $1)`,
    [count],
  );
  return rows.map((row) => row.number);
}

export function lockByNumber(sql: Sql, numbers: readonly number[]): Promise<Numbered[]> {
  return sql<Numbered>(`select ${COLUMNS} from alerts a where a.number = any($1) order by a.id for update`, [numbers]);
}

/** Locks the firing alerts of a group. The group's row is locked before. */
export function lockByGroup(sql: Sql, group: number): Promise<Numbered[]> {
  return sql<Numbered>(
    `select ${COLUMNS} from alerts a join alert_group_members m on m.alert_id = a.id
     where m.group_id = $1 and a.phase = 'firing' order by a.id for update of a`,
    [group],
  );
}

/**
 * Open alerts that a route shows in one of the rooms, worst first; of those with a place that has no room left among
 * `configured`, too. Not locked.
 */
export function listOpen(sql: Sql, rooms: readonly string[], configured: readonly string[]): Promise<Numbered[]> {
  return sql<Numbered>(
    `select ${COLUMNS} from alerts a where a.phase = 'firing' and exists (
       select 1 from jsonb_array_elements(a.places) p
       where p->'rooms' ?| $1::text[] or not p->'rooms' ?| $2::text[])
     order by case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.number`,
    [rooms, configured],
  );
}

export async function countOpen(sql: Sql): Promise<number> {
  const [row] = await sql<{ open: number }>(`select count(*)::integer as open from alerts where phase = 'firing'`);
  return row?.open ?? 0;
}

/** Where alerts of old numbers are now, by the number that was asked for. */
export function findByOldNumber(
  sql: Sql,
  numbers: readonly number[],
): Promise<(Numbered & { readonly asked: number })[]> {
  return sql(
    `select distinct on (e.number) e.number as asked, ${COLUMNS} from alert_episodes e join alerts a on a.id = e.alert_id where e.number = any($1) order by e.number`,
    [numbers],
  );
}
