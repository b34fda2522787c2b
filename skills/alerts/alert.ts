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

/** An alert that people know of. */
export type Numbered = Alert & { readonly id: number; readonly number: number };

export const COLUMNS = `a.id, a.number, a.source, a.fingerprint, a.phase, a.severity, a.name, a.labels, a.annotations,
  a.generator_url as "generatorUrl", a.started_at as "startedAt", a.reported_start as "reportedStart", a.ended_at as "endedAt",
  a.last_ends_at as "lastEndsAt", a.firing_received_at as "firingReceivedAt", a.resolved_received_at as "resolvedReceivedAt",
  a.firing_order as "firingOrder", a.resolved_order as "resolvedOrder",
  a.week_count as "weekCount", a.ack, a.places, a.receivers`;

/**
 * Locks what is there, in order of ids as everything that locks alerts does. `+ 0` keeps the order from being taken from
 * the primary key, by reading all of it, where the table was empty when this was planned.
 */
export function lockByFingerprint(sql: Sql, source: string, fingerprints: readonly string[]): Promise<Alert[]> {
  return sql<Alert>(
    `select ${COLUMNS} from alerts a where a.source = $1 and a.fingerprint = any($2) order by a.id + 0 for update`,
    [source, fingerprints],
  );
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

/** Open alerts that are shown in a room; all of them without one. Not locked. */
export function listOpen(sql: Sql, room: string | undefined): Promise<Numbered[]> {
  return sql<Numbered>(
    `select ${COLUMNS} from alerts a where a.phase = 'firing'
       and ($1::text is null or a.places @> jsonb_build_array(jsonb_build_object('rooms', jsonb_build_array($1::text))))
     order by case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.number`,
    [room ?? null],
  );
}

/** Where an old number's alert is now: the number it has today, and the phase. */
export async function findOldNumber(
  sql: Sql,
  number: number,
): Promise<{ number: number | null; phase: string } | undefined> {
  const [row] = await sql<{ number: number | null; phase: string }>(
    'select a.number, a.phase from alert_episodes e join alerts a on a.id = e.alert_id where e.number = $1 limit 1',
    [number],
  );
  return row;
}
