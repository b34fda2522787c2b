import type { Query } from '../db/database.ts';
import type { WokenRoom } from '../db/notifier.ts';

/** What a handler wants a room to show, as it is flushed at the end of its transaction. */
export interface Wanted {
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
  readonly afterKey: string | null;
  readonly threadKey: string | null;
  readonly replyTo: string | null;
  readonly thread: string | null;
  readonly notify: 'fate' | 'lost' | 'none';
  /** The room has no remote: what is committed is shown. */
  readonly local: boolean;
  readonly eventId: number | null;
  /** Take it away instead. */
  readonly removed: boolean;
}

const identity = (wanted: Wanted): string =>
  `${wanted.connector}\n${wanted.room}\n${wanted.skill}\n${wanted.key ?? `\uffff${wanted.id}`}`;

/** A key posted twice by one handler counts once, with the last content; its rings add up to one. */
function merge(given: readonly Wanted[]): Wanted[] {
  const merged = new Map<string, Wanted>();
  for (const wanted of given) {
    const before = merged.get(identity(wanted));
    merged.set(
      identity(wanted),
      before
        ? {
            ...wanted,
            ring: wanted.ring || before.ring,
            queue: before.queue < wanted.queue ? before.queue : wanted.queue,
          }
        : wanted,
    );
  }
  return [...merged.values()];
}

/**
 * Writes what rooms should show, in one statement. Positions follow the order in which things were said; locks are taken
 * in the order of keys, so that two handlers never wait for each other in a circle. Returns the rooms in which something
 * waits now, and from when on.
 */
export function writeWanted(query: Query, given: readonly Wanted[]): Promise<WokenRoom[]> {
  if (given.length === 0) return Promise.resolve([]);
  const all = merge(given);
  return query<WokenRoom>(WRITE, [
    all.map((one) => one.id),
    all.map((one) => one.connector),
    all.map((one) => one.room),
    all.map((one) => one.skill),
    all.map((one) => one.key),
    all.map((one) => one.queue),
    all.map((one) => one.content),
    all.map((one) => one.line),
    all.map((one) => one.ring),
    all.map((one) => one.notBefore),
    all.map((one) => one.until),
    all.map((one) => one.afterKey),
    all.map((one) => one.threadKey),
    all.map((one) => one.replyTo),
    all.map((one) => one.thread),
    all.map((one) => one.notify),
    all.map((one) => one.local),
    all.map((one) => one.eventId),
    all.map((one) => one.removed),
  ]);
}

const WRITE = `
with numbered as materialized (
  select given.*, nextval('message_position') as position
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::bool[], $10::timestamptz[], $11::timestamptz[],
    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bool[], $18::bigint[], $19::bool[])
  as given (id, connector, room, skill, key, queue, content, line, ring, not_before, until, after_key, thread_key, reply_to, thread, notify, local, event_id, removed))
insert into messages as m (id, connector, room, skill, key, queue, content, line, ring_version, not_before, until, after_key, thread_key,
  reply_to, thread, notify, event_id, removed, delivered_version, delivered_ring, shown_at, position)
select id, connector, room, skill, key, queue, content, line, ring::int, not_before, until, after_key, thread_key,
  reply_to, thread, notify, event_id, removed, case when local or removed then 1 else 0 end, case when local then ring::int else -1 end,
  case when local then clock_timestamp() end, position
from numbered order by connector, room, skill, key nulls last, position
on conflict (connector, room, skill, key) where key is not null do update set
  content = excluded.content, line = excluded.line, queue = least(excluded.queue, case when m.pending then m.queue else excluded.queue end),
  version = m.version + 1, ring_version = m.ring_version + excluded.ring_version, removed = excluded.removed,
  not_before = excluded.not_before, until = excluded.until, notify = least(excluded.notify, m.notify), event_id = excluded.event_id,
  -- Without a remote a row stays where it is on the page, unless it rings.
  position = case when m.pending or (excluded.shown_at is not null and excluded.ring_version = 0) then m.position else excluded.position end,
  wanted_at = case when m.pending then m.wanted_at else clock_timestamp() end,
  -- A ring, and what has a time of its own, needs a message of its own: the row leaves its digest, unless that is under way.
  fold = case when (excluded.ring_version > 0 and m.delivered_version > 0)
    or ((excluded.not_before is not null or excluded.until is not null) and not exists (select 1 from messages d where d.id = m.fold and d.attempt is not null))
    then null else m.fold end,
  state = 'live', reason = null,
  delivered_version = case when excluded.shown_at is not null then m.version + 1 else m.delivered_version end,
  delivered_ring = case when excluded.shown_at is not null then m.ring_version + excluded.ring_version else m.delivered_ring end,
  shown_at = coalesce(m.shown_at, excluded.shown_at)
where m.content is distinct from excluded.content or excluded.ring_version > 0 or m.removed <> excluded.removed or m.line is distinct from excluded.line
  -- It came too late to be shown; now it is wanted again.
  or (m.state = 'dropped' and not excluded.removed)
  or (m.pending and (m.not_before is distinct from excluded.not_before or m.until is distinct from excluded.until))
  -- Without a remote a row is never pending: it waits by its time alone.
  or (excluded.shown_at is not null and m.not_before > clock_timestamp() and m.not_before is distinct from excluded.not_before)
returning connector, room, queue, not_before as "notBefore"`;
