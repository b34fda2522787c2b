import type { Message } from '../chat/message.ts';
import type { Query } from '../db/database.ts';
import type { WokenRoom } from '../replicas/notifier.ts';
import { isSame, next, type Next, type MessageState } from './next-state.ts';

/** What a handler wants a room to show, as it is flushed at the end of its transaction. */
export interface MessageIntent {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  /** 0 replies and pages, 1 bulk. */
  readonly queue: 0 | 1;
  /** JSON of a `Message`. */
  readonly content: string;
  readonly line: string | null;
  readonly ring: boolean;
  readonly notBefore: Date | null;
  readonly until: Date | null;
  readonly threadKey: string | null;
  readonly replyTo: string | null;
  readonly thread: string | null;
  readonly notify: 'fate' | 'lost' | 'none';
  readonly eventId: number | null;
  /** Only this account is to see it; `respond`: how the platform lets what it did be answered. */
  readonly visibleTo?: string;
  readonly respond?: { readonly token: string; readonly until: Date };
  /** Take it away instead. */
  readonly removed: boolean;
}

type Place = Pick<MessageIntent, 'connector' | 'room' | 'skill' | 'key'>;
const placeOf = ({ connector, room, skill, key }: Place): string => JSON.stringify([connector, room, skill, key]);

/** A key posted twice by one handler counts once, with the last content; its rings add up to one. */
export function mergeIntents(given: readonly MessageIntent[]): MessageIntent[] {
  const merged = new Map<string, MessageIntent>();
  for (const intents of given) {
    const place = intents.key === null ? intents.id : placeOf(intents);
    const before = merged.get(place);
    const ring = intents.ring || before?.ring === true;
    merged.set(place, { ...intents, ring, queue: before?.queue === 0 ? 0 : intents.queue });
  }
  return [...merged.values()];
}

/** Rows that are there already, by their place. */
export type LockedMessages = ReadonlyMap<string, MessageState>;
const NONE: LockedMessages = new Map();

/**
 * Reads what is to be changed, and locks it until the transaction ends: in the order of keys, so that two handlers never
 * wait for each other in a circle. Asks nothing where nothing has a key.
 */
export async function lockMessages(query: Query, all: readonly MessageIntent[]): Promise<LockedMessages> {
  const keyed = all.filter(({ key }) => key !== null);
  if (keyed.length === 0) return NONE;
  const rows = await query<MessageState & Place>(LOCK, [
    keyed.map(({ connector }) => connector),
    keyed.map(({ room }) => room),
    keyed.map(({ skill }) => skill),
    keyed.map(({ key }) => key),
  ]);
  return new Map(rows.map((row) => [placeOf(row), row]));
}

const LOCK = `
select m.id, m.connector, m.room, m.skill, m.key, m.queue, m.content, m.line, m.version, m.ring_version, m.removed, m.not_before, m.until,
  m.notify, m.state, m.pending, m.fold, m.delivered_version,
  exists (select 1 from messages d where d.id = m.fold and d.attempt is not null) as fold_is_under_way
from messages m join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as k (connector, room, skill, key)
  on m.connector = k.connector and m.room = k.room and m.skill = k.skill and m.key = k.key
order by m.connector, m.room, m.skill, m.key for update of m`;

/**
 * Writes what rooms should show, in one statement; a handler that made the same new key at the same time makes it fail, and
 * then the whole transaction runs again. Returns the rooms in which something waits now, and from when on.
 * @throws before anything is sent, or rejects for what the database says.
 */
export function writeIntents(query: Query, all: readonly MessageIntent[], standing = NONE): Promise<WokenRoom[]> {
  const changed = all.filter((one) => !isSame(one, standing.get(placeOf(one))));
  if (changed.length === 0) return Promise.resolve([]);
  const rows = changed.map((one) => rowOf(one, next(one, standing.get(placeOf(one)))));
  // A lone surrogate is no JSON to Postgres.
  const given = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value));
  const woken = changed.map(({ connector, room, queue, notBefore }) => ({ connector, room, queue, notBefore }));
  return query(WRITE, [given]).then(() => woken);
}

const rowOf = (intents: MessageIntent, { anew, moves, ...decided }: Next) => ({
  ...{ connector: intents.connector, room: intents.room, skill: intents.skill, key: intents.key },
  ...{ content: intents.content, line: intents.line, not_before: intents.notBefore, until: intents.until },
  ...{ thread_key: intents.threadKey, reply_to: intents.replyTo, thread: intents.thread },
  ...{
    files: filesIn(intents),
    visible_to: intents.visibleTo,
    respond_token: intents.respond?.token,
    respond_until: intents.respond?.until,
  },
  ...{ event_id: intents.eventId, removed: intents.removed },
  ...{ ...decided, anew, moves },
});

/** The hashes of what it shows; null: no files, as almost always. */
function filesIn({ content }: MessageIntent): readonly string[] | null {
  if (!content.includes('"files":[')) return null;
  return (JSON.parse(content) as Message).files?.map(({ hash }) => hash) ?? null;
}

/** Positions follow the order in which things were said. What a message answers, and in which thread, stays as it began. */
const WRITE = `
with given as materialized (
  select g.*, nextval('message_position') as last from json_to_recordset($1) as g (
    id uuid, is_new bool, connector text, room text, skill text, key text, queue int, content text, line text, version int, ring_version int, removed bool,
    not_before timestamptz, until timestamptz, thread_key text, reply_to text, thread text, notify text, event_id bigint, fold uuid, anew bool, moves bool, files text[], visible_to text, respond_token text, respond_until timestamptz)),
changed as (
  update messages m set queue = g.queue, content = g.content, line = g.line, version = g.version, ring_version = g.ring_version, removed = g.removed,
    not_before = g.not_before, until = g.until, notify = g.notify, event_id = g.event_id, fold = g.fold, files = g.files, state = 'live', reason = null,
    position = case when g.moves then g.last else m.position end, wanted_at = case when g.anew then clock_timestamp() else m.wanted_at end
  from given g where m.id = g.id and not g.is_new)
insert into messages (id, connector, room, skill, key, queue, position, content, line, version, ring_version, removed, not_before, until,
  thread_key, reply_to, thread, notify, event_id, files, visible_to, respond_token, respond_until)
select id, connector, room, skill, key, queue, last, content, line, version, ring_version, removed, not_before, until,
  thread_key, reply_to, thread, notify, event_id, files, visible_to, respond_token, respond_until
from given where is_new order by connector, room, skill, key nulls last, last`;
