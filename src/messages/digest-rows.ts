import type { Query } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import { COLUMNS, type MessageRow } from './message-rows.ts';
import { FENCE } from './lease-fence.ts';

/** The digest that a message is folded into; undefined: it no longer exists. */
export async function liveDigest(query: Query, id: string): Promise<MessageRow | undefined> {
  const [row] = await query<MessageRow>(`select ${COLUMNS} from messages m where id = $1 and state = 'live'`, [id]);
  return row;
}

/** Unfolds a message whose digest no longer exists. False: it is unfolded already, or the lease is lost. */
export async function unfold(query: Query, lease: Lease, row: MessageRow): Promise<boolean> {
  const rows = await query(
    `with ${FENCE} update messages set fold = null from held where messages.id = $3 and fold = $4 returning messages.id`,
    [lease.name, lease.epoch, row.id, row.fold],
  );
  return rows.length > 0;
}

export interface DigestEntry {
  readonly id: string;
  /** The room does not show its latest version. */
  readonly pending: boolean;
  readonly version: number;
  readonly ring_version: number;
  readonly line: string | null;
  readonly removed: boolean;
}

/** The rows that are folded into a digest, in order. */
export function digestEntries(query: Query, digest: string): Promise<DigestEntry[]> {
  return query<DigestEntry>(
    `select id, pending, version, ring_version, line, removed from messages where fold = $1 and state = 'live' order by position`,
    [digest],
  );
}
