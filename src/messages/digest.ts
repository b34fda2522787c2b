import { randomUUID } from 'node:crypto';
import { escape, type Message } from '../chat/message.ts';
import type { Database, Query } from '../db/database.ts';
import { fence, type Lease } from '../replicas/lease.ts';
import type { DigestEntry } from './digest-rows.ts';

/** With this many messages waiting or fewer, a digest would save nothing. */
const FOLD_ABOVE = 5;
/** Lines beyond this are counted, not shown. */
const MAX_LINES = 600;
const MAX_LINE = 160;

/** Messages that were never attempted, and have no time, thread or message they reply to. */
const FOLDABLE = `connector = $1 and room = $2 and pending and line is not null and not digest and not removed
         and not_before is null and until is null and thread_key is null and thread is null and reply_to is null and fold is null and attempt is null and sends = 0 and delivered_version = 0`;
/** A digest that takes more messages. */
const OPEN_DIGEST = `connector = $1 and room = $2 and digest and pending and attempt is null and sends = 0 and state = 'live'`;

/** Checks without locks, before the transaction. */
export async function isFoldable(query: Query, connector: string, room: string): Promise<boolean> {
  const [found] = await query<{ loose: number; open: boolean }>(
    `select (select count(*)::int from (select 1 from messages where ${FOLDABLE} limit ${FOLD_ABOVE + 1}) few) as loose,
       exists (select 1 from messages where ${OPEN_DIGEST}) as open`,
    [connector, room],
  );
  return found !== undefined && (found.loose > FOLD_ABOVE || (found.loose > 0 && found.open));
}

/**
 * Folds the foldable messages of a throttled room into one digest row, which is sent in their place, in one fenced
 * transaction. A digest that has not been attempted yet takes more. Returns how many were folded.
 */
export async function foldRoom(database: Database, lease: Lease, connector: string, room: string): Promise<number> {
  return database.transaction(async (transaction) => {
    await fence(transaction, lease);
    const { query } = transaction;
    const candidates = await query<{ id: string; position: number; queue: number }>(
      `select id, position, queue from messages where ${FOLDABLE} order by position for update skip locked`,
      [connector, room],
    );
    const [open] = await query<{ id: string }>(
      `select id from messages where ${OPEN_DIGEST} order by position limit 1 for update skip locked`,
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

/** The content of a digest, made from its rows when it is sent. Pure. */
export function digestMessage(members: readonly DigestEntry[]): Message {
  const lines = members
    .filter((member) => !member.removed && member.line !== null)
    .map((member) => escape((member.line ?? '').replace(/\s+/g, ' ').slice(0, MAX_LINE).toWellFormed()));
  const shown = lines.slice(0, MAX_LINES);
  const rest = lines.length - shown.length;
  return {
    title: `${lines.length} ${lines.length === 1 ? 'message' : 'messages'} combined: this room is rate-limited`,
    text: [...shown, ...(rest > 0 ? [`… and ${rest} more: say \`alerts\``] : [])].join('\n'),
    tone: 'warning',
  };
}
