import { escape, type Message } from '../chat/message.ts';
import type { Database } from '../db/database.ts';
import { fence, type Lease } from '../db/lease.ts';
import { randomUUID } from 'node:crypto';
import type { Member } from './store.ts';

/** With fewer messages than this waiting, a digest would save nothing. */
const FOLD_ABOVE = 5;
/** A page holds what the platform takes; more lines than this are counted, not shown. */
const MAX_LINES = 600;
const MAX_LINE = 160;

/**
 * Folds the messages of a throttled room that were never attempted into one digest row, which is sent in their place.
 * In one fenced transaction; a digest that was not attempted itself takes more. Returns how many were folded.
 */
export async function foldRoom(database: Database, lease: Lease, connector: string, room: string): Promise<number> {
  return database.transaction(async (transaction) => {
    await fence(transaction, lease);
    const { query } = transaction;
    const candidates = await query<{ id: string; position: number; queue: number }>(
      `select id, position, queue from messages where connector = $1 and room = $2 and pending and line is not null and not digest and not removed
         and fold is null and attempt is null and sends = 0 and delivered_version = 0 order by position for update skip locked`,
      [connector, room],
    );
    const [open] = await query<{ id: string }>(
      `select id from messages where connector = $1 and room = $2 and digest and pending and attempt is null and sends = 0 and state = 'live' order by position limit 1 for update skip locked`,
      [connector, room],
    );
    const first = candidates[0];
    if (!first || (!open && candidates.length <= FOLD_ABOVE)) return 0;
    const digest = open?.id ?? randomUUID();
    if (!open)
      await query(
        `insert into messages (id, connector, room, skill, key, queue, position, content, digest, ring_version) values ($1::uuid, $2, $3, 'core', 'digest:' || $1::uuid, $5, $4, '{}', true, 1)`,
        // It is as urgent as the most urgent thing in it.
        [digest, connector, room, first.position, Math.min(...candidates.map((one) => one.queue))],
      );
    await query('update messages set fold = $2 where id = any($1)', [candidates.map((one) => one.id), digest]);
    return candidates.length;
  });
}

/** What a digest shows, made from its rows at the moment it is sent. Pure. */
export function digestMessage(members: readonly Member[]): Message {
  const lines = members
    .filter((member) => !member.removed && member.line !== null)
    .map((member) => escape((member.line ?? '').replace(/\s+/g, ' ').slice(0, MAX_LINE).toWellFormed()));
  const shown = lines.slice(0, MAX_LINES);
  const rest = lines.length - shown.length;
  return {
    title: `${lines.length} at once, in one message because this room is slowed down`,
    text: [...shown, ...(rest > 0 ? [`… and ${rest} more: say \`alerts\``] : [])].join('\n'),
    tone: 'warning',
  };
}
