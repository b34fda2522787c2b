import type { Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';
import type { Lease } from '../replicas/lease.ts';
import { reportsOf } from './confirmations.ts';
import { UNSETTLED, type MessageRow } from './message-rows.ts';

/**
 * The platform will never take it. Returns the fate events; undefined: it is dead already, the lease has gone, or it is not
 * `version` any more, which is as if never attempted.
 */
export async function markDead(
  query: Query,
  lease: Lease,
  row: MessageRow,
  reason: string,
  version: number | undefined,
): Promise<Accepted[] | undefined> {
  const rows = await query<{ id: number | null; lane: string | null }>(
    `with ${UNSETTLED},
     -- As it is once nobody else is changing it.
     locked as materialized (select id, version from messages where id = $3 and state = 'live' for update),
     dead as (
       update messages set state = case when digest then 'dropped' else 'dead' end, reason = $4, attempt = null
       from held, locked where messages.id = locked.id and locked.version = coalesce($5, locked.version) returning messages.*),
     anew as (update messages set attempt = null from held, locked where messages.id = locked.id and locked.version <> $5),
     -- A digest that is refused stands for nothing: what it was to show is dead too, what it had shown is on its own from now on.
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

/** What is meant for connectors that are configured no more becomes dead letters after a while. Returns their ids. */
export function buryPending(query: Query, connectors: readonly string[], afterMs: number): Promise<{ id: string }[]> {
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

/** Tries dead letters again; `ids` undefined: all. Returns the rooms concerned. */
export function replayDead(
  query: Query,
  ids: readonly string[] | undefined,
): Promise<{ connector: string; room: string }[]> {
  return query<{ connector: string; room: string }>(
    `update messages set state = 'live', reason = null, version = version + 1, fold = null, wanted_at = clock_timestamp() where state = 'dead' and ($1::uuid[] is null or id = any($1)) returning connector, room`,
    [ids ?? null],
  );
}
