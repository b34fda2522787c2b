import type { Query } from '../db/database.ts';
import type { Accepted } from '../events/event.ts';
import type { Lease } from '../replicas/lease.ts';
import { LOCK_IN_ORDER, type MessageRow } from './message-rows.ts';
import { FENCE } from './lease-fence.ts';
import { withOffer } from './offered-actions.ts';
import type { Attempt, Copy } from './plan.ts';

export interface Confirmation {
  readonly copies: readonly Copy[];
  /** The attempt with its next step, or null when this was the last. */
  readonly attempt: Attempt | null;
  readonly version: number;
  readonly ring: number;
  /** JSON: the actions that it offers now. */
  readonly offered: string;
  /** The new message on the platform, so that replies and taps can be matched to the row. */
  readonly remote: { readonly room: string; readonly id: string } | null;
  readonly members: Attempt['members'];
  /** The bot should add its reactions to the newest copy. */
  readonly react: boolean;
}

const INSERT_REPORT = 'insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)';

/** Inserts delivery reports. `rows` needs id, skill, connector, room, key and reason; `once` distinguishes reports of one row. */
export const reportsOf = (
  state: 'shown' | 'dead' | 'dropped',
  rows: string,
  once: string,
  everyMs = 'null::float8',
): string =>
  `${INSERT_REPORT} select 'fate', id::text || ':' || ${once} || ':${state}', skill || ':' || key, 'fate', skill, 'fate',
     json_build_object('connector', connector, 'room', room, 'key', key, 'state', '${state}', 'at', clock_timestamp(), 'reason', reason, 'everyMs', ${everyMs})::text, clock_timestamp()
   from ${rows} on conflict (source, source_id) do nothing returning id, lane`;

export interface Confirmed {
  readonly row: MessageRow;
  readonly done: Confirmation;
}

/**
 * Records confirmed requests and their consequences in one fenced statement. Returns the ids of the recorded rows, and the
 * delivery reports as events. A row that is missing was recorded before (by an echo), or the lease is lost.
 */
export async function recordSent(
  query: Query,
  lease: Lease,
  confirmed: readonly Confirmed[],
): Promise<{ readonly recorded: ReadonlySet<string>; readonly reports: readonly Accepted[] }> {
  const members = confirmed.flatMap(({ row, done }) =>
    (done.members ?? []).map((member) => ({ digest: row.id, ...member })),
  );
  const rows = await query<{ id: string | null; event: number | null; lane: string | null }>(
    `with ${FENCE},
     given as materialized (
       select * from unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[], $10::text[], $11::text[], $12::bool[])
         as g (id, sends, copies, attempt, version, ring, offered, remote, place, react)),
     locked as materialized (select m.id from messages m where m.id = any($3) ${LOCK_IN_ORDER}),
     sent as (
       update messages m set copies = given.copies, sends = m.sends + 1, attempt = given.attempt,
         delivered_version = case when given.attempt is null then given.version else delivered_version end,
         delivered_ring = case when given.attempt is null then given.ring else delivered_ring end,
         offered = case when given.attempt is null then given.offered else m.offered end, react = m.react or given.react,
         shown_at = case when given.attempt is null then coalesce(shown_at, clock_timestamp()) else shown_at end
       from held, given, locked where m.id = given.id and m.id = locked.id and m.sends = given.sends and m.attempt is not null
       returning m.id, m.connector, m.room, m.key, m.skill, m.reason, m.notify, given.ring, given.remote, given.place, given.attempt is null as finished),
     remote as (
       insert into message_remotes (connector, room, remote_id, message_id) select connector, place, remote, id from sent where remote is not null order by connector, place, remote
       on conflict (connector, room, remote_id) do update set message_id = excluded.message_id),
     members as (
       update messages m set delivered_version = greatest(m.delivered_version, one.version), delivered_ring = greatest(m.delivered_ring, one.ring),
         shown_at = coalesce(m.shown_at, clock_timestamp()),
         -- It rang again while the digest was being sent: that needs its own message.
         fold = case when m.ring_version > one.ring then null else m.fold end
       from unnest($13::uuid[], $14::uuid[], $15::int[], $16::int[]) as one (digest, id, version, ring), sent
       where sent.id = one.digest and sent.finished and m.id = one.id and m.fold = sent.id
       returning m.id, m.connector, m.room, m.key, m.skill, m.reason, m.notify, one.ring),
     fate as (${reportsOf(
       'shown',
       `(select id, connector, room, key, skill, reason, notify, ring from sent where finished union all select * from members) shown
        where notify = 'fate' and key is not null`,
       'ring',
     )})
     select id, null::bigint as event, null as lane from sent union all select null, id, lane from fate`,
    [
      lease.name,
      lease.epoch,
      confirmed.map(({ row }) => row.id),
      confirmed.map(({ row }) => row.sends),
      confirmed.map(({ done }) => JSON.stringify(done.copies)),
      confirmed.map(({ done }) => done.attempt && JSON.stringify(done.attempt)),
      confirmed.map(({ done }) => done.version),
      confirmed.map(({ done }) => done.ring),
      confirmed.map(({ done }) => done.offered),
      confirmed.map(({ done }) => done.remote?.id ?? null),
      confirmed.map(({ done }) => done.remote?.room ?? null),
      confirmed.map(({ done }) => done.react),
      members.map((member) => member.digest),
      members.map((member) => member.id),
      members.map((member) => member.version),
      members.map((member) => member.ring),
    ],
  );
  return {
    recorded: new Set(rows.flatMap((one) => (one.id === null ? [] : [one.id]))),
    reports: rows.flatMap((one) => (one.event === null ? [] : [{ id: one.event, lane: one.lane }])),
  };
}

/** Records that the room shows a row already, so nothing has to be sent. False: an attempt is in progress, or the lease is lost. */
export async function markShown(query: Query, lease: Lease, row: MessageRow, attempt: Attempt): Promise<boolean> {
  const rows = await query(
    `with ${FENCE}, shown as (update messages set delivered_version = $4, delivered_ring = greatest(delivered_ring, $5), offered = $6 from held where messages.id = $3 and attempt is null returning id),
     members as (
       update messages m set delivered_version = greatest(m.delivered_version, given.version), fold = case when m.ring_version > given.ring then null else m.fold end
       from unnest($7::uuid[], $8::int[], $9::int[]) as given (id, version, ring), shown where m.id = given.id and m.fold = shown.id)
     select id from shown`,
    [
      lease.name,
      lease.epoch,
      row.id,
      attempt.version,
      attempt.ring,
      withOffer(row.offered, attempt.version, attempt.actions),
      (attempt.members ?? []).map((one) => one.id),
      (attempt.members ?? []).map((one) => one.version),
      (attempt.members ?? []).map((one) => one.ring),
    ],
  );
  return rows.length > 0;
}

/**
 * Drops all expired messages of a room. Returns the delivery reports as events; for `lost`, only of the last message of each
 * skill. `everyMs` is the room's current interval between messages; null: it is not rate-limited.
 */
export async function dropExpired(
  query: Query,
  lease: Lease,
  place: { readonly connector: string; readonly room: string },
  now: Date,
  everyMs: number | null,
): Promise<Accepted[]> {
  return query<{ id: number; lane: string | null }>(
    `with ${FENCE}, locked as materialized (
       select m.id from messages m where m.connector = $3 and m.room = $4 and m.pending and m.until < $5 and m.attempt is null and m.fold is null ${LOCK_IN_ORDER}),
     gone as (
       update messages m set state = 'dropped', reason = case when $6::float8 is null then 'it expired before it was sent' else 'the room is rate-limited' end
       from held, locked where m.id = locked.id returning m.*)
     ${reportsOf(
       'dropped',
       `(select * from gone where notify = 'fate' and key is not null
        union all (select distinct on (skill) * from gone where notify = 'lost' and key is not null order by skill, position desc)) reported`,
       'version',
       '$6::float8',
     )}`,
    [lease.name, lease.epoch, place.connector, place.room, now, everyMs],
  );
}

/** Drops a message that only one account may see: it is not posted anywhere else, failover included. */
export async function dropPrivate(query: Query, lease: Lease, row: MessageRow, reason: string): Promise<void> {
  await query(
    `with ${FENCE} update messages set state = 'dropped', reason = $4, attempt = null from held where messages.id = $3`,
    [lease.name, lease.epoch, row.id, reason],
  );
}
