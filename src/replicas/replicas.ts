import type { Query } from '../db/database.ts';
import { DATABASE_STATE, type DatabaseState } from './incarnation.ts';

export interface Replica {
  readonly id: string;
  /** Host name. */
  readonly name: string;
  readonly pid: number;
}

/** A replica without a heartbeat for this long counts as dead. */
const DEAD_AFTER = `interval '10 s'`;
/** After its last heartbeat a replica may have worked until the next one was due, which may have been late. */
const BEAT = `interval '5 s'`;

/** The result of a heartbeat. */
export interface HeartbeatResult extends DatabaseState {
  /** Number of other live replicas, and their newest configuration. */
  readonly others: number;
  readonly newest: number;
  /** Whether some replicas are dead. */
  readonly dead: boolean;
}

/** Records a heartbeat; `tables`: those that should exist. */
export async function recordHeartbeat(
  query: Query,
  replica: Replica & { readonly generation: number | null },
  tables: readonly string[] = [],
): Promise<HeartbeatResult> {
  const [row] = await query<HeartbeatResult>(
    `with me as (
       insert into replicas (id, name, pid, seen_at, generation) values ($1, $2, $4, clock_timestamp(), $3)
       on conflict (id) do update set seen_at = excluded.seen_at, generation = excluded.generation),
     others as (select generation, seen_at > clock_timestamp() - ${DEAD_AFTER} as alive from replicas where id <> $1)
     select count(*) filter (where alive)::int as others, coalesce(max(generation) filter (where alive), 0)::int as newest,
       coalesce(bool_or(not alive), false) as dead, ${DATABASE_STATE.replace('$TABLES', '$5')} from others`,
    [replica.id, replica.name, replica.generation, replica.pid, tables],
  );
  return row ?? { others: 0, newest: 0, dead: false, incarnation: null, missing: [] };
}

/** Other replicas on this host, last seen before this process started `uptimeSeconds` ago. */
export function findPredecessors(
  query: Query,
  { id, name }: Replica,
  uptimeSeconds: number,
): Promise<{ id: string; pid: number | null }[]> {
  return query<{ id: string; pid: number | null }>(
    `select id, pid from replicas where name = $1 and id <> $2 and seen_at < clock_timestamp() - $3 * interval '1 second'`,
    [name, id, uptimeSeconds],
  );
}

export interface DeadReplicas {
  readonly ids: readonly string[];
  /** Time until which one of them may have worked. */
  readonly until: Date;
}

/** Dead replicas: the `known` ones and those without a recent heartbeat; undefined: there are none. */
export async function findDeadReplicas(query: Query, known: readonly string[] = []): Promise<DeadReplicas | undefined> {
  const rows = await query<{ id: string; until: Date }>(
    `select id, seen_at + ${BEAT} as until from replicas where id = any($1) or seen_at < clock_timestamp() - ${DEAD_AFTER}`,
    [known],
  );
  const [last] = rows.toSorted((a, b) => b.until.getTime() - a.until.getTime());
  return last && { ids: rows.map(({ id }) => id), until: last.until };
}

/** Deletes dead replicas, except those seen again since. */
export async function removeReplicas(query: Query, { ids, until }: DeadReplicas): Promise<void> {
  // A Date has no microseconds.
  await query(`delete from replicas where id = any($1) and seen_at + ${BEAT} < $2::timestamptz + interval '1 ms'`, [
    ids,
    until,
  ]);
}

export async function forgetReplica(query: Query, id: string): Promise<void> {
  await query('delete from replicas where id = $1', [id]);
}
