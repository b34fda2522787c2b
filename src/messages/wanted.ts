import type { Query } from '../db/database.ts';
import type { Lease } from '../db/lease.ts';
import type { WokenRoom } from '../db/notifier.ts';
import type { MessageRow } from './store.ts';

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

/**
 * A room that is idle and is kept so until this handler has committed: its message is frozen in the same commit, and goes
 * out without another look at the database.
 */
export interface Claim {
  /** JSON of the `Attempt`. */
  readonly attempt: string;
  readonly lease: Lease;
  /** To be called once, after the commit: with the row as it was stored, or with nothing where it was not stored so. */
  settle(row: MessageRow | undefined): void;
}

export type ClaimRoom = (wanted: Wanted) => Claim | undefined;

/** The rooms that one handler keeps. Known before anything is sent to the database, so that none stays kept. */
export class Claims {
  readonly #claimRoom: ClaimRoom | undefined;
  readonly #kept = new Map<Claim, MessageRow | undefined>();

  constructor(claimRoom?: ClaimRoom) {
    this.#claimRoom = claimRoom;
  }

  take(wanted: Wanted): Claim | undefined {
    const claim = isPlain(wanted) ? this.#claimRoom?.(wanted) : undefined;
    if (claim) this.#kept.set(claim, undefined);
    return claim;
  }

  froze(claim: Claim, row: MessageRow): void {
    this.#kept.set(claim, row);
  }

  /** After the end of the transaction, once: sends what was frozen, and lets go of the other rooms. */
  settle(committed: boolean): void {
    for (const [claim, row] of this.#kept) claim.settle(committed ? row : undefined);
    this.#kept.clear();
  }
}

const identity = (wanted: Wanted): string =>
  `${wanted.connector}\n${wanted.room}\n${wanted.skill}\n${wanted.key ?? `\uffff${wanted.id}`}`;

/** What a handler wants shown, as it is sent to the database. */
export interface Prepared {
  readonly all: readonly Wanted[];
  readonly kept: readonly (Claim | undefined)[];
  readonly claims: Claims;
}

/**
 * Everything that can fail outside the database, before anything is sent to it. A key posted twice by one handler counts
 * once, with the last content; its rings add up to one.
 */
export function prepareWanted(given: readonly Wanted[], claims = new Claims()): Prepared {
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
  const all = [...merged.values()];
  // Only the first in each room: what is claimed goes out before what is looked for.
  const rooms = new Set<string>();
  const kept = all.map((one) => {
    const room = `${one.connector}\n${one.room}`;
    if (rooms.has(room)) return undefined;
    rooms.add(room);
    return claims.take(one);
  });
  return { all, kept, claims };
}

/**
 * Writes what rooms should show, in one statement. Positions follow the order in which things were said; locks are taken
 * in the order of keys, so that two handlers never wait for each other in a circle. Returns the rooms in which something
 * waits now and is not claimed, and from when on.
 */
export async function writeWanted(query: Query, { all, kept, claims }: Prepared): Promise<WokenRoom[]> {
  if (all.length === 0) return [];
  const rows = await query<WrittenRow>(WRITE, [
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
    kept.map((claim) => claim?.attempt ?? null),
    kept.map((claim) => claim?.lease.name ?? null),
    kept.map((claim) => claim?.lease.epoch ?? null),
  ]);
  const going = new Set<string>();
  for (const [index, one] of all.entries()) {
    const claim = kept[index];
    const row = claim && rows.find(({ id }) => id === one.id);
    if (!claim || !row?.frozen) continue;
    claims.froze(claim, asStored(one, row));
    going.add(one.id);
  }
  return rows.filter((row) => !going.has(row.id));
}

interface WrittenRow extends WokenRoom {
  readonly id: string;
  readonly frozen: boolean;
  readonly wantedAt: Date;
}

/** To be sent at once, whatever else there is in the room. */
function isPlain(one: Wanted): boolean {
  return !one.local && !one.removed && !one.notBefore && !one.until && one.afterKey === null && one.threadKey === null;
}

function asStored(one: Wanted, row: WrittenRow): MessageRow {
  return {
    id: one.id,
    connector: one.connector,
    room: one.room,
    skill: one.skill,
    key: one.key,
    queue: one.queue,
    content: one.content,
    version: 1,
    ring_version: one.ring ? 1 : 0,
    removed: false,
    not_before: null,
    until: null,
    thread_key: null,
    reply_to: one.replyTo,
    thread: one.thread,
    digest: false,
    fold: null,
    delivered_version: 0,
    sends: 0,
    copies: '[]',
    attempt: 'begun',
    wanted_at: row.wantedAt,
  };
}

const WRITE = `
with held as materialized (select name, epoch from leases where name = any($21) for key share),
numbered as materialized (
  select given.*, nextval('message_position') as position,
    -- Frozen with this commit, where its room is idle and still ours.
    case when attempt is not null and exists (select 1 from held where name = lease and held.epoch = given.epoch)
      and not exists (select 1 from messages p where p.connector = given.connector and p.room = given.room and p.pending and p.not_before is null) then attempt end as frozen
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::bool[], $10::timestamptz[], $11::timestamptz[],
    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bool[], $18::bigint[], $19::bool[], $20::text[], $21::text[], $22::bigint[])
  as given (id, connector, room, skill, key, queue, content, line, ring, not_before, until, after_key, thread_key, reply_to, thread, notify, local, event_id, removed, attempt, lease, epoch))
insert into messages as m (id, connector, room, skill, key, queue, content, line, ring_version, not_before, until, after_key, thread_key,
  reply_to, thread, notify, event_id, removed, delivered_version, delivered_ring, shown_at, position, attempt)
select id, connector, room, skill, key, queue, content, line, ring::int, not_before, until, after_key, thread_key,
  reply_to, thread, notify, event_id, removed, case when local or removed then 1 else 0 end, case when local then ring::int else -1 end,
  case when local then clock_timestamp() end, position, frozen
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
returning id, connector, room, queue, not_before as "notBefore", wanted_at as "wantedAt", attempt is not null as frozen`;
