import { type Query, rerun } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import { LOCK_IN_ORDER, type MessageRow } from './message-rows.ts';
import { FENCE } from './lease-fence.ts';
import type { Attempt } from './plan.ts';

export interface Planned {
  readonly row: MessageRow;
  readonly attempt: Attempt;
}

/**
 * Freezes what is about to be sent, in one commit. Returns the ids of the frozen rows: rows that have changed since, or are
 * locked, are skipped, so that they do not delay other rooms. None when the lease is lost.
 */
export async function beginAttempts(
  query: Query,
  lease: Lease,
  planned: readonly Planned[],
): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(
    `with ${FENCE}, given as materialized (select * from unnest($3::uuid[], $4::text[], $5::int[]) as g (id, attempt, version)),
     locked as materialized (select m.id from messages m where m.id = any($3) ${LOCK_IN_ORDER} skip locked)
     update messages m set attempt = given.attempt from held, given, locked
     where m.id = given.id and m.id = locked.id and m.version = given.version and m.attempt is null and m.fold is null and m.state = 'live' returning m.id`,
    [
      lease.name,
      lease.epoch,
      planned.map(({ row }) => row.id),
      planned.map(({ attempt }) => JSON.stringify(attempt)),
      planned.map(({ row }) => row.version),
    ],
  );
  return new Set(rows.map((row) => row.id));
}

/** Replaces an attempt in progress. False: the message has changed since, or the lease is lost. */
export async function changeAttempt(query: Query, lease: Lease, { row, attempt }: Planned): Promise<boolean> {
  const rows = await query(
    `with ${FENCE} update messages set attempt = $4 from held
     where messages.id = $3 and attempt is not null and sends = $5 and version = $6 returning messages.id`,
    [lease.name, lease.epoch, row.id, JSON.stringify(attempt), row.sends, row.version],
  );
  return rows.length > 0;
}

/** Undoes attempts of which the platform did nothing: the rows may be folded or changed again. */
export async function withdrawAttempts(query: Query, lease: Lease, rows: readonly MessageRow[]): Promise<void> {
  await rerun(() =>
    query(
      `with ${FENCE}, locked as materialized (select m.id from messages m where m.id = any($3) ${LOCK_IN_ORDER})
       update messages m set attempt = null from held, locked, unnest($3::uuid[], $4::int[]) as given (id, sends)
       where m.id = given.id and m.id = locked.id and m.sends = given.sends returning m.id`,
      [lease.name, lease.epoch, rows.map((row) => row.id), rows.map((row) => row.sends)],
    ),
  );
}
