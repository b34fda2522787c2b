import type { Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';
import type { Lease } from '../replicas/lease.ts';
import { reportsOf } from './confirmations.ts';
import { FENCE } from './lease-fence.ts';
import type { MessageRow } from './message-rows.ts';

/**
 * Marks a message that the platform rejects for good. Returns the delivery reports as events; undefined: it is dead already,
 * the lease is lost, or it is no longer `version`, in which case its attempt is undone.
 */
export async function markDead(
  query: Query,
  lease: Lease,
  row: MessageRow,
  reason: string,
  version: number | undefined,
): Promise<Accepted[] | undefined> {
  const rows = await query<{ id: number | null; lane: string | null }>(
    `with ${FENCE},
     -- Waits for whoever is changing it.
     locked as materialized (select id, version from messages where id = $3 and state = 'live' for update),
     dead as (
       update messages set state = case when digest then 'dropped' else 'dead' end, reason = $4, attempt = null
       from held, locked where messages.id = locked.id and locked.version = coalesce($5, locked.version) returning messages.*),
     undone as (update messages set attempt = null from held, locked where messages.id = locked.id and locked.version <> $5),
     -- When a digest is rejected, the members it has not shown are dead too; the others become messages of their own.
     members as (
       update messages m set fold = null, state = case when m.pending then 'dead' else m.state end, reason = case when m.pending then $4 else m.reason end
       from dead where m.fold = dead.id returning m.*),
     fate as (${reportsOf(
       'dead',
       `(select * from dead union all select * from members) gone where state = 'dead' and notify <> 'none' and key is not null`,
       'version',
     )})
     select fate.id, fate.lane from dead left join fate on true`,
    [lease.name, lease.epoch, row.id, reason, version ?? null],
  );
  if (rows.length === 0) return undefined;
  return rows.flatMap((one) => (one.id === null ? [] : [{ id: one.id, lane: one.lane }]));
}

/** Marks messages dead that have waited for `afterMs` for a connector that is no longer configured. Returns their ids. */
export function markOrphansDead(
  query: Query,
  connectors: readonly string[],
  afterMs: number,
): Promise<{ id: string }[]> {
  return query<{ id: string }>(
    `with dead as (
       update messages set state = case when digest then 'dropped' else 'dead' end, reason = 'its connector is no longer configured', attempt = null
       where pending and connector <> all($1) and wanted_at < clock_timestamp() - $2 * interval '1 millisecond' returning messages.*),
     fate as (${reportsOf('dead', `(select * from dead where state = 'dead' and notify <> 'none' and key is not null) gone`, 'version')})
     select id from dead where state = 'dead'`,
    [connectors, afterMs],
  );
}

export interface DeadRow {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  readonly reason: string | null;
  readonly content: string;
  readonly wanted_at: Date;
}

export function listDead(query: Query, limit: number): Promise<DeadRow[]> {
  return query<DeadRow>(
    `select id, connector, room, skill, key, reason, content, wanted_at from messages where state = 'dead' order by wanted_at desc limit $1`,
    [limit],
  );
}

/** Queues dead letters again, all of them if `ids` is undefined. Returns their rooms. */
export function replayDead(
  query: Query,
  ids: readonly string[] | undefined,
): Promise<{ connector: string; room: string }[]> {
  return query<{ connector: string; room: string }>(
    `update messages set state = 'live', reason = null, version = version + 1, fold = null, wanted_at = clock_timestamp() where state = 'dead' and ($1::uuid[] is null or id = any($1)) returning connector, room`,
    [ids ?? null],
  );
}
