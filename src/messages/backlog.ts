import type { Query } from '../db/database.ts';

/** What a connector has not delivered. */
export interface Backlog {
  readonly connector: string;
  /** Messages whose latest version is not shown yet, including those scheduled for later. */
  readonly pending: number;
  /** How long the oldest has been overdue, counted from its scheduled time if it has one; 0: nothing is due. */
  readonly oldestSeconds: number;
  /** Messages that will not be shown unless somebody replays them. */
  readonly dead: number;
}

/** Connectors without a backlog are left out. */
export function readBacklog(query: Query): Promise<Backlog[]> {
  return query<{ connector: string; pending: number; oldestSeconds: number; dead: number }>(
    `select connector, count(*) filter (where pending)::int as pending, count(*) filter (where state = 'dead')::int as dead,
       coalesce(extract(epoch from clock_timestamp() - min(greatest(wanted_at, not_before))
         filter (where pending and (not_before is null or not_before <= clock_timestamp()))), 0)::float8 as "oldestSeconds"
     from (select connector, wanted_at, not_before, state, pending from messages where pending
       union all select connector, wanted_at, not_before, state, pending from messages where state = 'dead') as waiting
     group by connector order by connector`,
  );
}
