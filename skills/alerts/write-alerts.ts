import type { Sql } from '#skill';
import type { Alert } from './alert.ts';

/** The new state of an alert, and its changes to episodes and timeline. */
export interface AlertUpdate {
  readonly alert: Alert;
  /** An episode begins. */
  readonly opens: boolean;
  /** The episode ends, perhaps the one that begins here, when it was over before it was handled. */
  readonly ends: 'resolved' | 'closed' | null;
  /** What the timeline records; null: nothing. */
  readonly what: string | null;
  readonly who?: string | null;
  readonly detail?: string | null;
}

/**
 * Writes any number of alerts with their episodes and timelines in one statement; those that exist are locked. Returns ids by
 * fingerprint. When another replica has inserted one of them meanwhile, the event fails and is rerun, so this need not be
 * awaited for anything but the ids.
 */
export async function writeAlerts(
  sql: Sql,
  source: string,
  changes: readonly AlertUpdate[],
  now: Date,
): Promise<Map<string, number>> {
  if (changes.length === 0) return new Map();
  const input = changes.map(({ alert, opens, ends, what, who, detail }, at) => ({
    ...{ ...alert, at, opens, ends, what, who, detail },
  }));
  const rows = await sql<{ fingerprint: string; id: number }>(WRITE, [
    source,
    JSON.stringify(input),
    now,
    changes.flatMap(({ alert }) => (alert.id === null ? [] : [alert.id])),
  ]);
  return new Map(rows.map(({ fingerprint, id }) => [fingerprint, id]));
}

const SET = `phase, severity, name, labels, annotations, generator_url, started_at, reported_start, ended_at, last_ends_at,
  firing_received_at, resolved_received_at, firing_order, resolved_order, words, ack, places, receivers, changed_at`;
const VALUES = `x.phase, x.severity, x.name, x.labels, x.annotations, x."generatorUrl", x."startedAt", x."reportedStart", x."endedAt",
  x."lastEndsAt", x."firingReceivedAt", x."resolvedReceivedAt", x."firingOrder", x."resolvedOrder", x.senders, x.ack, x.places, array(select jsonb_array_elements_text(x.receivers)), $3::timestamptz`;

// The ids are passed beside the JSON, since Postgres cannot estimate its number of rows and would scan complete tables.
const WRITE = `
with input as materialized (
  select x.* from jsonb_to_recordset($2::jsonb) as x(at integer, id integer, number integer, "weekCount" integer, fingerprint text, phase text, severity text, name text,
    labels jsonb, annotations jsonb, "generatorUrl" text, "startedAt" timestamptz, "reportedStart" timestamptz, "endedAt" timestamptz,
    "lastEndsAt" timestamptz, "firingReceivedAt" timestamptz, "resolvedReceivedAt" timestamptz, "firingOrder" bigint, "resolvedOrder" bigint, senders jsonb, ack jsonb, places jsonb, receivers jsonb,
    opens boolean, ends text, what text, who text, detail text)
), fresh as (
  insert into alerts (source, fingerprint, number, ${SET})
  select $1, x.fingerprint, x.number, ${VALUES} from input x where x.id is null order by x.fingerprint
  on conflict (source, fingerprint) do nothing
  returning id, fingerprint, number
), changed as (
  update alerts a set (number, week_count, ${SET}) = (select x.number, x."weekCount", ${VALUES})
  from input x where a.id = any($4::integer[]) and a.id = x.id
  returning a.id, a.fingerprint, a.number
), written as (
  select * from fresh union all select * from changed
), ended as (
  update alert_episodes e set ended_at = x."endedAt", end_reason = x.ends
  from input x where e.alert_id = any($4::integer[]) and e.alert_id = x.id and e.ended_at is null and x.ends is not null and not x.opens
), opened as (
  insert into alert_episodes (alert_id, number, opened_at, started_at, ended_at, end_reason)
  select w.id, w.number, $3, x."startedAt", x."endedAt", x.ends from written w join input x using (fingerprint) where x.opens
), timeline as (
  insert into alert_timeline (alert_id, number, at, what, who, detail)
  select w.id, w.number, $3, x.what, x.who, x.detail from written w join input x using (fingerprint)
  where x.what is not null and w.number is not null order by x.at
)
select fingerprint, id from written
union all select null, alerts_changed_meanwhile() where (select count(*) from written) < (select count(*) from input)`;

/** Stores the times of reports that change nothing visible; cheap, since no index and no large column changes. */
export async function touchAlerts(sql: Sql, alerts: readonly Alert[]): Promise<void> {
  if (alerts.length === 0) return;
  await sql(
    `update alerts a set firing_received_at = x.firing, resolved_received_at = x.resolved, last_ends_at = x.ends,
       firing_order = x.firing_order, resolved_order = x.resolved_order, words = x.words
     from unnest($1::integer[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::jsonb[])
       as x(id, firing, resolved, ends, firing_order, resolved_order, words) where a.id = x.id`,
    [
      alerts.map((alert) => alert.id),
      alerts.map((alert) => alert.firingReceivedAt),
      alerts.map((alert) => alert.resolvedReceivedAt),
      alerts.map((alert) => alert.lastEndsAt),
      alerts.map((alert) => alert.firingOrder),
      alerts.map((alert) => alert.resolvedOrder),
      alerts.map((alert) => JSON.stringify(alert.senders)),
    ],
  );
}
