import type { Room, Session, Store } from './store.ts';
import { Refusal } from './store.ts';
import type { Json, JsonMap, StoredEvent } from './types.ts';

export interface EventFilter {
  readonly limit: number;
  readonly types: readonly string[] | undefined;
  readonly notTypes: readonly string[];
  readonly lazy: boolean;
  readonly redundant: boolean;
}

export interface SyncFilter {
  readonly timeline: EventFilter;
  readonly state: EventFilter;
  readonly accountTypes: readonly string[] | undefined;
}

export function parsePos(token: string | null): number | undefined {
  if (token === null) return undefined;
  const match = /^[st](\d+)$/.exec(token);
  if (!match) throw new Refusal(400, 'M_INVALID_PARAM', `Invalid from token: '${token}'`);
  return Number(match[1]);
}

function asMap(value: Json | undefined): JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function strings(value: Json | undefined): string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

export function parseEventFilter(raw: Json | undefined): EventFilter {
  const map = asMap(raw);
  return {
    limit: typeof map['limit'] === 'number' ? Math.min(map['limit'], 100) : 10,
    types: strings(map['types']),
    notTypes: strings(map['not_types']) ?? [],
    lazy: map['lazy_load_members'] === true,
    redundant: map['include_redundant_members'] === true,
  };
}

export function parseSyncFilter(raw: string | null): SyncFilter {
  let value: Json = {};
  if (raw !== null) {
    if (!raw.startsWith('{')) throw new Refusal(400, 'M_INVALID_PARAM', 'No such filter');
    try {
      value = JSON.parse(raw) as Json;
    } catch {
      throw new Refusal(400, 'M_NOT_JSON', 'Invalid filter JSON');
    }
  }
  const room = asMap(asMap(value)['room']);
  return {
    timeline: parseEventFilter(room['timeline']),
    state: parseEventFilter(room['state']),
    accountTypes: strings(asMap(asMap(value)['account_data'])['types']),
  };
}

export function passes(filter: EventFilter, event: StoredEvent): boolean {
  if (filter.types && !filter.types.includes(event.type)) return false;
  return !filter.notTypes.includes(event.type);
}

/** An event as a client gets it. Only the device that sent it gets the transaction id. */
export function toClient(event: StoredEvent, session: Session, now: number, withRoom = false): JsonMap {
  const unsigned: JsonMap = { age: Math.max(0, now - event.at) };
  if (
    event.txnId !== undefined &&
    event.device !== undefined &&
    event.device === session.deviceId &&
    event.sender === session.user.id
  )
    unsigned['transaction_id'] = event.txnId;
  if (event.prevContent) unsigned['prev_content'] = event.prevContent;
  if (event.redactedBecause) unsigned['redacted_because'] = toClient(event.redactedBecause, session, now, withRoom);
  const client: JsonMap = {
    event_id: event.id,
    type: event.type,
    sender: event.sender,
    origin_server_ts: event.at,
    content: event.content,
    unsigned,
  };
  if (event.stateKey !== undefined) client['state_key'] = event.stateKey;
  if (withRoom) client['room_id'] = event.room;
  // Room version 10: next to the content, not in it.
  if (event.type === 'm.room.redaction' && typeof event.content['redacts'] === 'string')
    client['redacts'] = event.content['redacts'];
  return client;
}

/** A response of /sync, and whether it contains anything. `keep`: a forced gap that leaves this many events per room. */
export function sync(
  store: Store,
  session: Session,
  since: number | undefined,
  filter: SyncFilter,
  now: number,
  keep?: number,
): { body: JsonMap; empty: boolean } {
  const user = session.user.id;
  const join: JsonMap = {};
  const invite: JsonMap = {};
  const leave: JsonMap = {};
  for (const room of store.roomsOf.get(user) ?? []) {
    const member = room.members.get(user);
    if (!member || (since !== undefined && (room.events.at(-1)?.pos ?? 0) <= since)) continue;
    if (member.membership === 'join') {
      const entry = joinedRoom(
        room,
        session,
        since === undefined || member.pos > since ? undefined : since,
        since,
        filter,
        now,
        keep,
      );
      if (entry) join[room.id] = entry;
    } else if (member.membership === 'invite' && (since === undefined || member.pos > since)) {
      const types = [
        'm.room.create',
        'm.room.join_rules',
        'm.room.canonical_alias',
        'm.room.encryption',
        'm.room.name',
      ];
      const state = types.flatMap((type) => room.state.get(`${type}\0`) ?? []);
      const own = room.memberState.get(user);
      const inviter = own && room.memberState.get(own.sender);
      invite[room.id] = {
        invite_state: {
          events: [...state, ...(inviter ? [inviter] : []), ...(own ? [own] : [])].map(
            ({ type, sender, content, stateKey }) => ({ type, sender, content, state_key: stateKey ?? '' }),
          ),
        },
      };
    } else if (since !== undefined && member.pos > since && member.membership !== 'invite') {
      // Up to and including the event that ended the membership, nothing after it.
      const events = room.events
        .slice(room.after(since), room.after(member.pos))
        .filter((event) => passes(filter.timeline, event));
      leave[room.id] = {
        timeline: {
          events: events.map((event) => toClient(event, session, now)),
          limited: false,
          prev_batch: `s${since}`,
        },
        state: { events: [] },
      };
    }
  }
  const accountData: Json[] = [];
  if (since === undefined || session.user.accountDataPos > since) {
    for (const [type, content] of session.user.accountData)
      if (!filter.accountTypes || filter.accountTypes.includes(type)) accountData.push({ type, content });
  }
  const empty = accountData.length === 0 && [join, invite, leave].every((part) => Object.keys(part).length === 0);
  return {
    body: {
      next_batch: `s${store.pos}`,
      rooms: { join, invite, leave },
      account_data: { events: accountData },
      presence: { events: [] },
    },
    empty,
  };
}

/** `from` undefined: the complete room (an initial sync, or newly joined: then it includes messages from before the join, as with Synapse). */
function joinedRoom(
  room: Room,
  session: Session,
  from: number | undefined,
  since: number | undefined,
  filter: SyncFilter,
  now: number,
  keep: number | undefined,
): JsonMap | undefined {
  const limit = keep ?? filter.timeline.limit;
  const first = from === undefined ? 0 : room.after(from);
  const timeline: StoredEvent[] = [];
  let membersChanged = from === undefined;
  let more = false;
  for (let index = room.events.length - 1; index >= first; index -= 1) {
    const event = room.events[index];
    if (!event) break;
    if (event.type === 'm.room.member') membersChanged = true;
    if (!passes(filter.timeline, event)) continue;
    if (timeline.length === limit) {
      more = true;
      break;
    }
    timeline.push(event);
  }
  timeline.reverse();
  const shown = new Set(timeline.map((event) => event.id));
  const senders = new Set(timeline.map((event) => event.sender));
  const start = timeline[0]?.pos ?? room.events.at(-1)?.pos ?? 0;
  const changed = (event: StoredEvent): boolean =>
    from === undefined || (more && event.pos > from && event.pos < start);
  const state = [...room.state.values()].filter(
    (event) => changed(event) && !shown.has(event.id) && passes(filter.state, event),
  );
  if (!filter.state.types || filter.state.types.includes('m.room.member')) {
    const lazily = (id: string): StoredEvent[] => {
      const event = room.memberState.get(id);
      return event && (from === undefined || filter.state.redundant || event.pos > from) ? [event] : [];
    };
    if (from === undefined) senders.add(session.user.id);
    const members = filter.state.lazy ? [...senders].flatMap(lazily) : [...room.memberState.values()].filter(changed);
    state.push(...members.filter((event) => !shown.has(event.id)));
  }
  const newlyJoined = from === undefined && since !== undefined;
  if (from !== undefined && timeline.length === 0 && state.length === 0) return undefined;
  const client = (event: StoredEvent): JsonMap => toClient(event, session, now);
  const entry: JsonMap = {
    timeline: { events: timeline.map(client), limited: more || newlyJoined, prev_batch: `s${Math.max(0, start - 1)}` },
    state: { events: state.map(client) },
    account_data: { events: [] },
    ephemeral: { events: [] },
    unread_notifications: {},
    summary: {},
  };
  if (filter.state.lazy && membersChanged)
    entry['summary'] = { 'm.joined_member_count': room.joined, 'm.invited_member_count': room.invited };
  return entry;
}

/** /messages: walks back (`b`) or forward from a token, `to` excluded. */
export function messages(room: Room, session: Session, query: URLSearchParams, now: number): JsonMap {
  const back = query.get('dir') === 'b';
  const filter = parseEventFilter(query.has('filter') ? (JSON.parse(query.get('filter') ?? '{}') as Json) : {});
  const limit = Math.min(Number(query.get('limit') ?? '10'), 1000);
  const to = parsePos(query.get('to'));
  const from = parsePos(query.get('from')) ?? (back ? Number.MAX_SAFE_INTEGER : 0);
  const chunk: StoredEvent[] = [];
  const step = back ? -1 : 1;
  let index = back ? room.after(from) - 1 : room.after(from);
  for (; index >= 0 && index < room.events.length && chunk.length < limit; index += step) {
    const event = room.events[index];
    if (!event || (to !== undefined && (back ? event.pos <= to : event.pos > to))) break;
    if (passes(filter, event)) chunk.push(event);
  }
  const ended = back ? index < 0 : index >= room.events.length;
  const last = room.events[index];
  const senders = new Set(chunk.map((event) => event.sender));
  const state = filter.lazy ? [...senders].flatMap((sender) => room.memberState.get(sender) ?? []) : [];
  const answer: JsonMap = {
    chunk: chunk.map((event) => toClient(event, session, now, true)),
    start: query.get('from') ?? `s${back ? 0 : from}`,
    state: state.map((event) => toClient(event, session, now, true)),
  };
  if (!ended && last) answer['end'] = `s${back ? last.pos : last.pos - 1}`;
  return answer;
}
