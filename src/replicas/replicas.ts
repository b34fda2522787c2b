import type { Query } from '../db/database.ts';
import { DATABASE_STATE, type DatabaseState } from './incarnation.ts';

export interface Replica {
  readonly id: string;
  /** Of its host. */
  readonly name: string;
  readonly pid: number;
}

/** Unseen for this long a replica counts as dead. */
const DEAD_AFTER = `interval '10 s'`;
/** A replica that was seen may have worked on until its next beat, which may have been late. */
const BEAT = `interval '5 s'`;

/** What a replica hears when it says that it is alive. */
export interface Seen extends DatabaseState {
  /** How many others were seen lately, and their newest configuration. */
  readonly others: number;
  readonly newest: number;
  /** Some were not seen for so long that they are dead. */
  readonly dead: boolean;
}

/** Says that this replica is alive; `tables`: those that should be there. */
export async function seeReplica(
  query: Query,
  replica: Replica & { readonly generation: number | null },
  tables: readonly string[] = [],
): Promise<Seen> {
  const [row] = await query<Seen>(
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

/** Other replicas of this host that were last seen before this process, which began `uptimeSeconds` ago. */
export function seenBefore(
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
  /** One of them may have worked until then. */
  readonly until: Date;
}

/** The dead, those `known` to be and those unseen for too long; undefined: there are none. */
export async function findDeadReplicas(query: Query, known: readonly string[] = []): Promise<DeadReplicas | undefined> {
  const rows = await query<{ id: string; until: Date }>(
    `select id, seen_at + ${BEAT} as until from replicas where id = any($1) or seen_at < clock_timestamp() - ${DEAD_AFTER}`,
    [known],
  );
  const [last] = rows.toSorted((a, b) => b.until.getTime() - a.until.getTime());
  return last && { ids: rows.map(({ id }) => id), until: last.until };
}

/** Forgets the dead, but for those that were seen again since. */
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
