import type { Sql } from '#skill';
import type { Episode } from './episode.ts';
import type { Destination } from './route.ts';
import type { Severity } from './severity.ts';

/** A person who has acknowledged an alert. `key` is the listed person, or the account of one who is not listed. */
export interface Holder {
  readonly key: string;
  readonly name: string;
  readonly person: string | null;
  readonly connector: string;
  readonly accountId: string;
}

/** An acknowledgement. Times are ISO, since it is stored as JSON. */
export interface Ack {
  readonly owner: Holder;
  readonly at: string;
  /** Null: until the alert ends. */
  readonly until: string | null;
  readonly note: string | null;
  /** Others who acknowledged it; the first becomes the owner when the owner releases it. */
  readonly others: readonly Holder[];
  /** When "still on it?" was asked, as long as there is no answer. */
  readonly askedAt: string | null;
}

/** A destination of an alert, with the group that shows it there, and the receiver through which it came. */
export interface Place extends Destination {
  readonly group: number | null;
  readonly receiver: string;
}

export interface Alert extends Episode {
  /** Null: not stored yet. */
  readonly id: number | null;
  /** What people type; null while the phase is `unheard`, or before it is stored. */
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

/** An alert that people can name; it may not be stored yet. */
export type NumberedAlert = Alert & { readonly number: number };
export type StoredAlert = NumberedAlert & { readonly id: number };

export const isNumbered = (alert: Alert): alert is NumberedAlert => alert.number !== null;

export const COLUMNS = `a.id, a.number, a.source, a.fingerprint, a.phase, a.severity, a.name, a.labels, a.annotations,
  a.generator_url as "generatorUrl", a.started_at as "startedAt", a.reported_start as "reportedStart", a.ended_at as "endedAt",
  a.last_ends_at as "lastEndsAt", a.firing_received_at as "firingReceivedAt", a.resolved_received_at as "resolvedReceivedAt",
  a.firing_order as "firingOrder", a.resolved_order as "resolvedOrder", a.words as senders,
  a.week_count as "weekCount", a.ack, a.places, a.receivers`;

/** What is stored for a fingerprint, and what an episode that begins now would need. */
export interface KnownAlert {
  readonly before: Alert | undefined;
  /** Drawn only when it is certainly needed: gaps between numbers would puzzle people. */
  readonly number: number | null;
  readonly weekCount: number;
}

/**
 * Locks the alerts that exist, in order of id like everything that locks alerts. `+ 0` prevents a scan of the complete primary
 * key when this was planned for an empty table. Draws a number for each `firing` one that is new, so that showing it does not
 * wait for the write.
 */
export async function lockByFingerprint(
  sql: Sql,
  source: string,
  wanted: readonly { readonly fingerprint: string; readonly firing: boolean }[],
  now: Date,
): Promise<Map<string, KnownAlert>> {
  const rows = await sql<Alert & { asked: string; drawn: number | null; episodes: number | null }>(
    `with found as materialized (select ${COLUMNS} from alerts a where a.source = $1 and a.fingerprint = any($2) order by a.id + 0 for update)
     select g.asked, case when g.firing and (found.id is null or found.phase = 'unheard') then nextval('alert_numbers')::integer end as drawn,
       case when g.firing and found.phase <> 'firing' then (select count(*)::integer from alert_episodes e where e.alert_id = found.id and e.opened_at > $4::timestamptz - interval '7 days') end as episodes,
       found.*
     from unnest($2::text[], $3::boolean[]) with ordinality as g (asked, firing, nth) left join found on found.fingerprint = g.asked order by g.nth`,
    [source, wanted.map((one) => one.fingerprint), wanted.map((one) => one.firing), now],
  );
  return new Map(
    rows.map(({ asked: fingerprint, drawn, episodes, ...alert }) => [
      fingerprint,
      { before: alert.id === null ? undefined : alert, number: drawn, weekCount: 1 + (episodes ?? 0) },
    ]),
  );
}

/** Numbers for alerts that fire again after a day. */
export async function drawNumbers(sql: Sql, count: number): Promise<number[]> {
  const rows = await sql<{ number: number }>(
    `select nextval('alert_numbers')::integer as number from generate_series(1, $1)`,
    [count],
  );
  return rows.map((row) => row.number);
}

export function lockByNumber(sql: Sql, numbers: readonly number[]): Promise<StoredAlert[]> {
  return sql<StoredAlert>(`select ${COLUMNS} from alerts a where a.number = any($1) order by a.id for update`, [
    numbers,
  ]);
}

/** Locks the firing alerts of a group. Lock the group's row first. */
export function lockByGroup(sql: Sql, group: number): Promise<StoredAlert[]> {
  return sql<StoredAlert>(
    `select ${COLUMNS} from alerts a join alert_group_members m on m.alert_id = a.id
     where m.group_id = $1 and a.phase = 'firing' order by a.id for update of a`,
    [group],
  );
}

/**
 * Open alerts that are shown in one of the rooms, or of which a place has no room left among `configured`, worst first. Not
 * locked.
 */
export function listOpen(sql: Sql, rooms: readonly string[], configured: readonly string[]): Promise<StoredAlert[]> {
  return sql<StoredAlert>(
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

/** Alerts by a number they have or had; `asked` is that number. */
export function findByOldNumber(
  sql: Sql,
  numbers: readonly number[],
): Promise<(StoredAlert & { readonly asked: number })[]> {
  return sql(
    `select distinct on (e.number) e.number as asked, ${COLUMNS} from alert_episodes e join alerts a on a.id = e.alert_id where e.number = any($1) order by e.number`,
    [numbers],
  );
}
