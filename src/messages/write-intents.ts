import type { Message } from '../chat/message.ts';
import type { Query } from '../db/database.ts';
import type { ChangedRoom } from '../replicas/notifier.ts';
import { type Identity, identityOf, type MessageIntent } from './message-intent.ts';
import { isSame, type MessageState, next, type Next } from './next-state.ts';

/** Existing rows, by identity. */
export type LockedMessages = ReadonlyMap<string, MessageState>;

const NONE: LockedMessages = new Map();

/**
 * Reads and locks the rows to be changed until the transaction ends, in the order of keys, so that two handlers never
 * deadlock. Runs no statement if nothing has a key.
 */
export async function lockMessages(query: Query, all: readonly MessageIntent[]): Promise<LockedMessages> {
  const keyed = all.filter(({ key }) => key !== null);
  if (keyed.length === 0) return NONE;
  const rows = await query<MessageState & Identity>(LOCK, [
    keyed.map(({ connector }) => connector),
    keyed.map(({ room }) => room),
    keyed.map(({ skill }) => skill),
    keyed.map(({ key }) => key),
  ]);
  return new Map(rows.map((row) => [identityOf(row), row]));
}

const LOCK = `
select m.id, m.connector, m.room, m.skill, m.key, m.queue, m.content, m.line, m.version, m.ring_version, m.removed, m.not_before, m.until,
  m.notify, m.state, m.pending, m.fold, m.delivered_version,
  exists (select 1 from messages d where d.id = m.fold and d.attempt is not null) as fold_is_under_way
from messages m join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as k (connector, room, skill, key)
  on m.connector = k.connector and m.room = k.room and m.skill = k.skill and m.key = k.key
order by m.connector, m.room, m.skill, m.key for update of m`;

/**
 * Writes what rooms should show, in one statement. It fails if another handler creates the same new key at the same time;
 * then the transaction is rerun. Returns the rooms where something is waiting now, and from what time.
 * @throws before anything is sent; database errors reject.
 */
export function writeIntents(query: Query, all: readonly MessageIntent[], existing = NONE): Promise<ChangedRoom[]> {
  const changed = all.filter((one) => !isSame(one, existing.get(identityOf(one))));
  if (changed.length === 0) return Promise.resolve([]);
  const rows = changed.map((one) => rowOf(one, next(one, existing.get(identityOf(one)))));
  // Postgres does not accept lone surrogates in JSON.
  const given = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value));
  const woken = changed.map(({ connector, room, queue, notBefore }) => ({ connector, room, queue, notBefore }));
  return query(WRITE, [given]).then(() => woken);
}

const rowOf = (intent: MessageIntent, { starts_waiting, to_end, ...decided }: Next) => ({
  ...{ connector: intent.connector, room: intent.room, skill: intent.skill, key: intent.key },
  ...{ content: intent.content, line: intent.line, not_before: intent.notBefore, until: intent.until },
  ...{ thread_key: intent.threadKey, reply_to: intent.replyTo, thread: intent.thread },
  ...{
    files: filesIn(intent),
    visible_to: intent.visibleTo,
    respond_token: intent.respond?.token,
    respond_until: intent.respond?.until,
  },
  ...{ event_id: intent.eventId, removed: intent.removed },
  ...{ ...decided, starts_waiting, to_end },
});

/** The hashes of its files; null when it has none, as is usual. */
function filesIn({ content }: MessageIntent): readonly string[] | null {
  if (!content.includes('"files":[')) return null;
  return (JSON.parse(content) as Message).files?.map(({ hash }) => hash) ?? null;
}

/** Positions follow the order of posting. `reply_to` and the thread never change after the row is created. */
const WRITE = `
with given as materialized (
  select g.*, nextval('message_position') as last from json_to_recordset($1) as g (
    id uuid, is_new bool, connector text, room text, skill text, key text, queue int, content text, line text, version int, ring_version int, removed bool,
    not_before timestamptz, until timestamptz, thread_key text, reply_to text, thread text, notify text, event_id bigint, fold uuid, starts_waiting bool, to_end bool, files text[], visible_to text, respond_token text, respond_until timestamptz)),
changed as (
  update messages m set queue = g.queue, content = g.content, line = g.line, version = g.version, ring_version = g.ring_version, removed = g.removed,
    not_before = g.not_before, until = g.until, notify = g.notify, event_id = g.event_id, fold = g.fold, files = g.files, state = 'live', reason = null,
    position = case when g.to_end then g.last else m.position end, wanted_at = case when g.starts_waiting then clock_timestamp() else m.wanted_at end
  from given g where m.id = g.id and not g.is_new)
insert into messages (id, connector, room, skill, key, queue, position, content, line, version, ring_version, removed, not_before, until,
  thread_key, reply_to, thread, notify, event_id, files, visible_to, respond_token, respond_until)
select id, connector, room, skill, key, queue, last, content, line, version, ring_version, removed, not_before, until,
  thread_key, reply_to, thread, notify, event_id, files, visible_to, respond_token, respond_until
from given where is_new order by connector, room, skill, key nulls last, last`;
