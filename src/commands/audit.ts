import { cut } from '../chat/cut.ts';
import type { RoomAddress } from '../chat/message.ts';
import type { Actor } from '../contract/actor.ts';
import type { Query } from '../db/database.ts';

export interface AuditEntry {
  readonly at: Date;
  readonly eventId: number;
  readonly room: RoomAddress;
  readonly actor: Actor;
  readonly skill: string;
  readonly command: string;
  readonly text: string;
  readonly result: string;
  /** Why it was allowed or denied. */
  readonly because: string;
}

export async function writeAudit(query: Query, entry: AuditEntry): Promise<void> {
  await query(
    `insert into audit (at, event_id, connector, room, account, person, skill, command, text, result, because)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      entry.at,
      entry.eventId,
      entry.room.connector,
      entry.room.room,
      entry.actor.accountId,
      entry.actor.person ?? null,
      entry.skill,
      entry.command,
      cut(entry.text, 1000),
      entry.result,
      entry.because,
    ],
  );
}

export interface AuditRow {
  readonly id: number;
  readonly at: Date;
  readonly event_id: number;
  readonly connector: string;
  readonly room: string;
  readonly account: string;
  readonly person: string | null;
  readonly skill: string;
  readonly command: string;
  readonly text: string;
  readonly result: string;
  readonly because: string;
}

/** Entries after `afterId`, oldest first. */
export function readAudit(query: Query, afterId: number, limit: number): Promise<AuditRow[]> {
  return query<AuditRow>('select * from audit where id > $1 order by id limit $2', [afterId, limit]);
}
