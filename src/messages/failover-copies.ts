// Which rows of `messages` have a copy in the failover of their room.
import type { Query } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import { FENCE } from './lease-fence.ts';
import { COLUMNS, type MessageRow } from './message-rows.ts';

/** Failover copies have no failover of their own. */
export const FAILOVER_KEY = 'failover:';

/**
 * Notes that the failover gets a copy of the message as it is. Returns whether that must ring: whether the message rang since the
 * failover got it last, or, if it never did, since its room showed it.
 */
export async function keepFailoverCopy(query: Query, id: string): Promise<boolean> {
  const [kept] = await query<{ rings: boolean }>(
    `with before as (select ring_version > coalesce(failover_ring, greatest(delivered_ring, 0)) as rings from messages where id = $1)
     update messages set failover_version = version, failover_ring = ring_version from before where id = $1 returning rings`,
    [id],
  );
  return kept?.rings ?? false;
}

/** Notes that the failover's copy is out of date. False: there is none, or it was noted before. */
export async function endFailoverCopy(query: Query, id: string): Promise<boolean> {
  const ended = await query(
    'update messages set failover_version = null, failover_ring = null where id = $1 and failover_ring is not null returning id',
    [id],
  );
  return ended.length > 0;
}

/** Messages that wait in these rooms, the most urgent first, of which the failover has no copy as they are now. Locks them; skips what others change. */
export function withoutFailoverCopy(
  query: Query,
  lease: Lease,
  { connector, rooms, now, limit }: { connector: string; rooms: readonly string[]; now: Date; limit: number },
): Promise<MessageRow[]> {
  return query<MessageRow>(
    `with ${FENCE}
     select ${COLUMNS} from messages m, held
     where m.connector = $3 and m.room = any($4) and m.pending and m.version > coalesce(m.failover_version, 0)
       and (m.not_before is null or m.not_before <= $5) and m.until is null and m.visible_to is null and m.fold is null and not m.digest and not m.removed
       and coalesce(not starts_with(m.key, $6), true)
     order by m.queue, m.position limit $7 for update of m skip locked`,
    [lease.name, lease.epoch, connector, rooms, now, FAILOVER_KEY, limit],
  );
}
