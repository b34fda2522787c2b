import type { Sql } from '#skill';
import type { Ack, StoredAlert } from './alert.ts';

/** A changed acknowledgement, null: none, and its line in the timeline. */
export interface AckUpdate {
  readonly alert: StoredAlert;
  readonly ack: Ack | null;
  readonly what: string;
  readonly who: string | null;
  readonly detail: string | null;
}

/** Writes acknowledgements in one statement; the alerts are locked. The first one of an episode is also stored with the episode. */
export async function writeAcks(sql: Sql, changes: readonly AckUpdate[], now: Date): Promise<StoredAlert[]> {
  if (changes.length === 0) return [];
  const input = changes.map(({ alert, ack, what, who, detail }) => ({
    id: alert.id,
    number: alert.number,
    ack,
    owner: ack?.owner.name,
    what,
    who,
    detail,
  }));
  await sql(
    `with input as materialized (
       select * from jsonb_to_recordset($1::jsonb) as x(id integer, number integer, ack jsonb, owner text, what text, who text, detail text)
     ), changed as (
       update alerts a set ack = x.ack, changed_at = $2 from input x where a.id = x.id
     ), first as (
       update alert_episodes e set acked_at = $2, acked_by = x.owner from input x
       where e.alert_id = x.id and e.ended_at is null and e.acked_at is null and x.ack is not null
     )
     insert into alert_timeline (alert_id, number, at, what, who, detail) select id, number, $2, what, who, detail from input order by number`,
    [JSON.stringify(input), now],
  );
  return changes.map(({ alert, ack }) => ({ ...alert, ack }));
}
