import { messageOf } from '../../errors.ts';
import type { ConnectorHost, IncomingEvent, JsonObject, RequestKey } from '../connector.ts';
import { targetOf, redactedBy, toIncoming } from './incoming.ts';
import { dig, isObject, text } from './json.ts';
import type { Myself } from './mention.ts';
import { requestKey } from './perform.ts';
import type { Reactions } from './reactions.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';
import type { Rooms } from './rooms.ts';

const TYPES = [
  'm.room.message',
  'm.reaction',
  'm.room.redaction',
  'm.room.member',
  'm.room.encryption',
  'm.room.encrypted',
  'm.room.tombstone',
  'm.room.canonical_alias',
];

/** Never changed while running: a server may restart the timeline for another filter. */
export const SYNC_FILTER = JSON.stringify(filter(50));

/** For the initial snapshot of all rooms; its messages are not used. */
export const SNAPSHOT_FILTER = JSON.stringify(filter(1));

// Redundant members: each response includes its senders, so that none has to be remembered or requested.
function filter(limit: number): JsonObject {
  const members = { lazy_load_members: true, include_redundant_members: true };
  return {
    room: {
      timeline: { limit, types: TYPES, ...members },
      state: { types: ['m.room.member', 'm.room.encryption', 'm.room.tombstone'], ...members },
      ephemeral: { types: [] },
      account_data: { types: [] },
    },
    presence: { types: [] },
    account_data: { types: ['m.direct'] },
  };
}

const MESSAGES_FILTER = JSON.stringify({ types: TYPES, lazy_load_members: true });

/** Most events to fetch for one room after a gap. */
const MAX_FETCHED = 1000;

/**
 * How often to retry a room whose history cannot be fetched although /sync works; with the pauses, that takes some minutes. All rooms
 * wait for it, because their events share one cursor, so a room that is damaged on the server is given up.
 */
const MAX_TRIES = 10;

export interface Notice {
  readonly room: string;
  readonly state: 'joined' | 'left' | 'encrypted';
  readonly detail?: string;
}

/** One response of /sync, as input for the host. */
export interface Batch {
  readonly events: readonly IncomingEvent[];
  readonly echoes: readonly { readonly key: RequestKey; readonly remoteId: string }[];
  readonly notices: readonly Notice[];
  readonly invites: readonly {
    readonly room: string;
    readonly aliases: readonly string[];
    /** The room that it claims to replace. */
    readonly predecessor: string | undefined;
  }[];
  /** Rooms that were upgraded, or whose addresses changed. */
  readonly maybeMoved: readonly string[];
  /** Messages and reactions that others removed. */
  readonly redacted: readonly string[];
  readonly cursor: string;
}

export interface Reading {
  readonly requests: Requests;
  readonly rooms: Rooms;
  readonly reactions: Reactions;
  readonly myself: Myself;
  readonly log: ConnectorHost['log'];
  /** Rooms whose history could not be fetched, with the number of tries since the last complete /sync response. */
  readonly failing: Map<string, number>;
}

/**
 * Reads a response of /sync since `since`. Fetches what a limited timeline left out, back to `since` or to the bot's own join,
 * whichever is later: messages from before the bot joined were not meant for it.
 */
export async function readSync(reading: Reading, sync: JsonObject, since: string, signal: AbortSignal): Promise<Batch> {
  const collected = {
    events: [] as IncomingEvent[],
    echoes: [] as { key: RequestKey; remoteId: string }[],
    notices: [] as Notice[],
    redacted: [] as string[],
    maybeMoved: [] as string[],
  };
  reading.rooms.recordAccountData(sync);
  for (const [room, entry] of entries(sync, 'join')) {
    reading.rooms.recordSummary(room, entry);
    const { events, names, encrypted } = await timeline(reading, room, entry, since, signal);
    if (events.some((event) => isOwnJoin(event, reading.myself.userId))) {
      reading.rooms.setJoined(room, true);
      collected.notices.push({ room, state: 'joined' });
    }
    if (encrypted) collected.notices.push({ room, state: 'encrypted' });
    const moves = recordUpgrades(reading.rooms, room, [...list(dig(entry, 'state', 'events')), ...events]);
    if (moves) collected.maybeMoved.push(room);
    collect(reading, room, events, names, collected);
  }
  for (const [room, entry] of entries(sync, 'leave')) {
    const events = list(dig(entry, 'timeline', 'events'));
    collect(reading, room, events, new Map(), collected);
    const left = events.findLast(
      (event) => event['type'] === 'm.room.member' && event['state_key'] === reading.myself.userId,
    );
    reading.rooms.setJoined(room, false);
    const before = dig(left, 'unsigned', 'prev_content', 'membership');
    if (before !== 'invite') collected.notices.push({ room, state: 'left', ...leaving(left, reading.myself.userId) });
  }
  // Only now: success with another room, or with a first page, must not reset the count of a failing room.
  reading.failing.clear();
  return { ...collected, invites: invites(sync), cursor: text(sync['next_batch']) ?? since };
}

/** Records upgrades. True: the room, or one of its addresses, may lead to another room now. */
export function recordUpgrades(rooms: Rooms, room: string, events: readonly JsonObject[]): boolean {
  const state = events.filter((event) => event['state_key'] === '');
  const tombstones = state.filter((event) => event['type'] === 'm.room.tombstone');
  for (const tombstone of tombstones) rooms.recordTombstone(room, tombstone);
  return tombstones.length > 0 || state.some((event) => event['type'] === 'm.room.canonical_alias');
}

function leaving(event: JsonObject | undefined, userId: string): { detail?: string } {
  const by = text(event?.['sender']);
  if (event === undefined || by === undefined || by === userId) return {};
  const reason = text(dig(event, 'content', 'reason'));
  const verb = dig(event, 'content', 'membership') === 'ban' ? 'banned' : 'removed';
  return { detail: `${verb} by ${by}${reason ? `: ${reason}` : ''}` };
}

interface Timeline {
  readonly events: readonly JsonObject[];
  readonly names: ReadonlyMap<string, string>;
  /** Even if encryption was enabled before the bot joined: it cannot read messages there. */
  readonly encrypted: boolean;
}

async function timeline(
  reading: Reading,
  room: string,
  entry: JsonObject,
  since: string,
  signal: AbortSignal,
): Promise<Timeline> {
  const names = new Map<string, string>();
  recordNames(names, list(dig(entry, 'state', 'events')));
  let events = list(dig(entry, 'timeline', 'events'));
  const from = text(dig(entry, 'timeline', 'prev_batch'));
  if (
    dig(entry, 'timeline', 'limited') === true &&
    from !== undefined &&
    !events.some((event) => isOwnJoin(event, reading.myself.userId))
  ) {
    events = [
      ...(await walkBack(
        reading,
        room,
        from,
        since,
        new Set(events.map((event) => text(event['event_id']) ?? '')),
        names,
        signal,
      )),
      ...events,
    ];
  }
  const encrypted = [...events, ...list(dig(entry, 'state', 'events'))].some(isEncryption);
  const join = events.findLastIndex((event) => isOwnJoin(event, reading.myself.userId));
  if (join > 0) events = events.slice(join);
  recordNames(names, events);
  return { events, names, encrypted };
}

/** Fetches the events between `since` and `from`, oldest first. */
async function walkBack(
  reading: Reading,
  room: string,
  from: string,
  since: string,
  seen: Set<string>,
  names: Map<string, string>,
  signal: AbortSignal,
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  let at: string | undefined = from;
  while (at !== undefined) {
    const query = { dir: 'b', from: at, to: since, limit: 100, filter: MESSAGES_FILTER };
    const answer: JsonObject | undefined = await fetchHistory(reading, room, query, signal);
    if (!answer) break;
    const chunk = list(answer['chunk']);
    recordNames(names, list(answer['state']));
    for (const event of chunk) {
      const id = text(event['event_id']) ?? '';
      if (seen.has(id)) continue;
      seen.add(id);
      found.push(event);
      if (isOwnJoin(event, reading.myself.userId)) return found.toReversed();
    }
    if (found.length >= MAX_FETCHED) {
      reading.log.warn({ room, events: found.length }, 'gap in a room is too long; its oldest events are skipped');
      break;
    }
    const end = text(answer['end']);
    at = chunk.length === 0 || end === at ? undefined : end;
  }
  return found.toReversed();
}

/** Fetches a page of /messages; undefined: given up. */
async function fetchHistory(
  { requests, log, failing }: Reading,
  room: string,
  query: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages`;
  try {
    return await requests.request('GET', path, { query, signal });
  } catch (error) {
    const { status, errcode } = isMatrixFailure(error) ? error : {};
    if (signal.aborted || status === 401 || status === 429) throw error;
    const tries = (failing.get(room) ?? 0) + 1;
    failing.set(room, tries);
    const about = { room, reason: messageOf(error) };
    // Without an errcode it comes from a proxy, and the homeserver may be down.
    const refused = errcode !== undefined && (status === 403 || status === 404);
    if (!refused && tries < MAX_TRIES) {
      if (tries === 1) log.warn(about, 'missed messages of a room cannot be fetched; retrying');
      throw error;
    }
    if (tries === (refused ? 1 : MAX_TRIES))
      log.warn(about, 'missed messages of a room cannot be fetched and are skipped');
    return undefined;
  }
}

type Collected = { events: IncomingEvent[]; echoes: { key: RequestKey; remoteId: string }[]; redacted: string[] };

function collect(
  reading: Reading,
  room: string,
  events: readonly JsonObject[],
  names: ReadonlyMap<string, string>,
  into: Collected,
): void {
  const around = {
    room,
    direct: reading.rooms.isDirect(room),
    myself: reading.myself,
    reactions: reading.reactions,
    nameOf: (user: string) => names.get(user),
  };
  for (const event of events) {
    if (event['sender'] === reading.myself.userId) {
      const key = requestKey(text(dig(event, 'unsigned', 'transaction_id')) ?? '');
      const remoteId = targetOf(event);
      if (key !== undefined && remoteId !== undefined) into.echoes.push({ key, remoteId });
      continue;
    }
    const gone = event['type'] === 'm.room.redaction' ? redactedBy(event) : undefined;
    if (gone !== undefined) into.redacted.push(gone);
    const incoming = toIncoming(event, around);
    if (incoming) into.events.push(incoming);
  }
}

function invites(sync: JsonObject): Batch['invites'] {
  return entries(sync, 'invite').map(([room, entry]) => {
    const state = list(dig(entry, 'invite_state', 'events'));
    const canonical = state.find((event) => event['type'] === 'm.room.canonical_alias');
    const create = state.find((event) => event['type'] === 'm.room.create');
    const others = dig(canonical, 'content', 'alt_aliases');
    const all = [dig(canonical, 'content', 'alias'), ...(Array.isArray(others) ? others : [])];
    return {
      room,
      aliases: all.filter((alias) => typeof alias === 'string'),
      predecessor: text(dig(create, 'content', 'predecessor', 'room_id')),
    };
  });
}

export function isEncryption(event: JsonObject): boolean {
  return event['type'] === 'm.room.encryption' || event['type'] === 'm.room.encrypted';
}

/** The bot joined, rather than changed its name as a member. */
function isOwnJoin(event: JsonObject, userId: string): boolean {
  if (
    event['type'] !== 'm.room.member' ||
    event['state_key'] !== userId ||
    dig(event, 'content', 'membership') !== 'join'
  )
    return false;
  return dig(event, 'unsigned', 'prev_content', 'membership') !== 'join';
}

function recordNames(names: Map<string, string>, events: readonly JsonObject[]): void {
  for (const event of events) {
    const name = event['type'] === 'm.room.member' ? text(dig(event, 'content', 'displayname')) : undefined;
    const user = text(event['state_key']);
    if (name !== undefined && user !== undefined) names.set(user, name);
  }
}

export function entries(sync: JsonObject, kind: 'join' | 'invite' | 'leave'): [string, JsonObject][] {
  const rooms = dig(sync, 'rooms', kind);
  return isObject(rooms)
    ? Object.entries(rooms).flatMap(([id, entry]): [string, JsonObject][] => (isObject(entry) ? [[id, entry]] : []))
    : [];
}

export function list(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
