import type { Query } from '../db/database.ts';

export interface FailedEvent {
  readonly id: number;
  readonly source: string;
  readonly kind: string;
  readonly skill: string | null;
  readonly name: string | null;
  readonly accepted_at: Date;
  readonly error_id: string | null;
  readonly message: string | null;
  readonly payload: string | null;
}

export function listFailed(query: Query, limit: number): Promise<FailedEvent[]> {
  return query<FailedEvent>(
    `select events.id, source, events.kind, events.skill, name, accepted_at, error_id, message, payload
     from events left join errors on errors.id = error_id where state = 'failed' order by events.id desc limit $1`,
    [limit],
  );
}

/** How many events have failed and wait for a person, and when the last one failed. */
export async function countFailed(query: Query): Promise<{ count: number; lastAt: Date | null }> {
  const [row] = await query<{ count: number; lastAt: Date | null }>(
    `select count(*)::int as count, max(handled_at) as "lastAt" from events where state = 'failed'`,
  );
  return row ?? { count: 0, lastAt: null };
}

/** Makes failed events new again, all of them if `ids` is undefined. Returns their ids. */
export function replayFailed(query: Query, ids: readonly number[] | undefined): Promise<{ id: number }[]> {
  return query<{ id: number }>(
    `update events set state = 'new', error_id = null, result = null, handled_at = null, not_before = null, deaths = case when deaths is not null then 0 end where state = 'failed' and ($1::bigint[] is null or id = any($1)) returning id`,
    [ids ?? null],
  );
}
