import type { Query } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import { FENCE } from './lease-fence.ts';

export interface Reactable {
  readonly id: string;
  readonly room: string;
  readonly copies: string;
  readonly offered: string | null;
}

/** The newest message that waits for the bot's reactions, if nothing else is pending. */
export async function nextReact(query: Query, connector: string, now: Date): Promise<Reactable | undefined> {
  const [row] = await query<Reactable>(
    `select id, room, copies, offered from messages m where connector = $1 and react
       and not exists (select 1 from messages p where p.connector = m.connector and p.pending and (p.not_before is null or p.not_before <= $2)) order by position desc limit 1`,
    [connector, now],
  );
  return row;
}

export async function endReact(query: Query, lease: Lease, ids: readonly string[] | undefined): Promise<void> {
  await query(
    `with ${FENCE} update messages set react = false from held where connector = $3 and react and ($4::uuid[] is null or id = any($4))`,
    [lease.name, lease.epoch, lease.name.replace(/^connector:/, ''), ids ?? null],
  );
}
