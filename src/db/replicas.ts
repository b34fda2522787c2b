import type { Query } from './database.ts';

/** Says that this replica is alive. Returns how many others were seen in the last 10 s, and their newest configuration. */
export async function seeReplica(
  query: Query,
  replica: { id: string; name: string; generation: number | null },
): Promise<{ others: number; newest: number }> {
  const [row] = await query<{ others: number; newest: number }>(
    `with me as (
       insert into replicas (id, name, seen_at, generation) values ($1, $2, clock_timestamp(), $3)
       on conflict (id) do update set seen_at = excluded.seen_at, generation = excluded.generation)
     select count(*)::int as others, coalesce(max(generation), 0)::int as newest from replicas where id <> $1 and seen_at > clock_timestamp() - interval '10 s'`,
    [replica.id, replica.name, replica.generation],
  );
  return row ?? { others: 0, newest: 0 };
}

export async function forgetReplica(query: Query, id: string): Promise<void> {
  await query(`delete from replicas where id = $1 or seen_at < clock_timestamp() - interval '1 day'`, [id]);
}
