import { randomUUID } from 'node:crypto';
import type { Limiter } from './limiter.ts';
import { Refusal } from './store.ts';
import type { Room, Session, Store } from './store.ts';
import { messages, toClient } from './sync.ts';
import type { Endpoint, Json, JsonMap, Rate, StoredEvent } from './types.ts';

export interface ApiRequest {
  readonly method: string;
  /** Path segments after /_matrix/client/v3, decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: () => JsonMap;
  readonly session: Session | undefined;
}

export interface ApiContext {
  readonly store: Store;
  readonly rate: Rate | undefined;
  /** Limits room creation. */
  readonly roomRate: Rate | undefined;
  readonly limiter: Limiter;
  readonly now: () => number;
}

/** Synapse adds room, sender, type, depth, origin, 1 to 20 previous and 3 to 4 auth events, hashes and a signature: about 800 bytes. */
const ENVELOPE_BYTES = 800;
const MAX_PDU_BYTES = 65_536;

/** The kind of a request, for faults and counters. */
export function endpointOf(request: Pick<ApiRequest, 'method' | 'path' | 'body'>): Endpoint {
  const [one, , three, four] = request.path;
  if (one === 'sync' || one === 'login' || one === 'join' || one === 'upload') return one;
  if (one === 'account') return 'whoami';
  if (one === 'createRoom') return 'createRoom';
  if (one === 'directory') return 'directory';
  if (one !== 'rooms') return 'other';
  if (three === 'redact') return 'redact';
  if (three === 'messages' || three === 'join' || three === 'invite' || three === 'joined_members') return three;
  if (three !== 'send' || request.method !== 'PUT') return 'other';
  if (four === 'm.reaction') return 'react';
  return relation(request.body())['rel_type'] === 'm.replace' ? 'edit' : 'send';
}

/** Answers everything but /sync. @throws {Refusal} for what the real server answers with an error. */
export function answer(context: ApiContext, request: ApiRequest): JsonMap {
  const { store } = context;
  const { method, path, session } = request;
  const [one = '', two = '', three = '', four = '', five = ''] = path;
  if (one === 'login')
    return method === 'GET' ? { flows: [{ type: 'm.login.password' }] } : login(store, request.body());
  if (!session) throw new Refusal(401, 'M_MISSING_TOKEN', 'Missing access token');
  const me = session.user.id;
  const route = `${method} ${one}${three ? `/${three}` : ''}`;
  switch (route) {
    case 'GET account':
      return { user_id: me, is_guest: false, ...(session.deviceId ? { device_id: session.deviceId } : {}) };
    case 'GET joined_rooms':
      return {
        joined_rooms: [...(store.roomsOf.get(me) ?? [])].filter((room) => room.isJoined(me)).map((room) => room.id),
      };
    case 'GET profile':
    case 'GET profile/displayname': {
      const name = store.users.get(two)?.displayName;
      if (!store.users.has(two)) throw new Refusal(404, 'M_NOT_FOUND', 'Profile was not found');
      return name ? { displayname: name } : {};
    }
    case 'GET directory/' + three: {
      const room = store.aliases.get(three);
      if (!room) throw new Refusal(404, 'M_NOT_FOUND', `Room alias ${three} not found`);
      return { room_id: room, servers: [store.serverName] };
    }
    case 'POST logout':
      store.sessions.delete(session.token);
      return {};
    case 'POST join':
      return join(context, session, two);
    case 'POST createRoom':
      return createRoom(context, me, request.body());
    case 'PUT user/account_data':
      session.user.accountData.set(four, request.body());
      session.user.accountDataPos = store.pos += 1;
      return {};
  }
  if (one !== 'rooms') throw new Refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request');
  if (route === 'POST rooms/join') return join(context, session, two);
  return inRoom(context, request, session, two, three, four, five);
}

function inRoom(
  context: ApiContext,
  request: ApiRequest,
  session: Session,
  roomId: string,
  what: string,
  four: string,
  five: string,
): JsonMap {
  const { store } = context;
  const me = session.user.id;
  const known = store.rooms.get(roomId);
  if (!known?.isJoined(me)) {
    const remedy =
      known || what === 'send' || what === 'redact' ? `User ${me} not in room ${roomId} (None)` : 'Unknown room';
    throw new Refusal(403, 'M_FORBIDDEN', remedy);
  }
  const room = known;
  const { method } = request;
  if (what === 'send' && method === 'PUT') return send(context, room, session, four, five, request.body());
  if (what === 'redact' && method === 'PUT') return redact(context, room, session, four, five, request.body());
  if (what === 'messages') return messages(room, session, request.query, context.now());
  if (what === 'joined_members') {
    const joined: JsonMap = {};
    for (const [id, { membership }] of room.members)
      if (membership === 'join') joined[id] = { display_name: store.users.get(id)?.displayName ?? null };
    return { joined };
  }
  if (what === 'members') {
    const chunk = [...room.memberState.values()].map((event) => toClient(event, session, context.now(), true));
    return { chunk };
  }
  if (what === 'event') {
    const event = store.events.get(four);
    if (!event || event.room !== room.id) throw new Refusal(404, 'M_NOT_FOUND', 'Event not found.');
    return toClient(event, session, context.now(), true);
  }
  if (what === 'state' && method === 'GET') {
    const event = room.stateEvent(four, five);
    if (!event) throw new Refusal(404, 'M_NOT_FOUND', 'Event not found.');
    return request.query.get('format') === 'event' ? toClient(event, session, context.now(), true) : event.content;
  }
  if (what === 'state' && method === 'PUT') {
    requirePower(room, me, four, true);
    return {
      event_id: store.append(room, { type: four, sender: me, content: request.body(), stateKey: five, session }).id,
    };
  }
  if (what === 'leave') {
    store.setMembership(room, me, 'leave', me);
    return {};
  }
  if (what === 'invite' || what === 'kick' || what === 'ban') {
    const membership = what === 'invite' ? 'invite' : what === 'ban' ? 'ban' : 'leave';
    store.setMembership(
      room,
      String(request.body()['user_id']),
      membership,
      me,
      String(request.body()['reason'] ?? ''),
    );
    return {};
  }
  throw new Refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request');
}

function login(store: Store, body: JsonMap): JsonMap {
  const identifier = map(body['identifier']);
  const user = store.users.get(store.fullId(String(identifier['user'] ?? body['user'] ?? '')));
  if (!user || user.password === undefined || user.password !== body['password'])
    throw new Refusal(403, 'M_FORBIDDEN', 'Invalid username or password');
  const session = store.login(user, typeof body['device_id'] === 'string' ? body['device_id'] : undefined);
  return {
    user_id: user.id,
    access_token: session.token,
    device_id: session.deviceId ?? '',
    home_server: store.serverName,
  };
}

/** Counts as a message for the rate limit, as in Synapse (measured). */
function join(context: ApiContext, session: Session, idOrAlias: string): JsonMap {
  const { store } = context;
  const me = session.user.id;
  const room = store.room(idOrAlias);
  const membership = room.members.get(me)?.membership;
  if (membership === 'join') return { room_id: room.id };
  const open = room.stateEvent('m.room.join_rules')?.content['join_rule'] === 'public';
  if (membership === 'ban') throw new Refusal(403, 'M_FORBIDDEN', `${me} is banned from ${room.id}`);
  if (membership !== 'invite' && !open) throw new Refusal(403, 'M_FORBIDDEN', 'You are not invited to this room.');
  limit(context, session);
  store.setMembership(room, me, 'join', me);
  return { room_id: room.id };
}

/** @throws {Refusal} if the requested room address is already taken. */
export function refuseTaken(store: Store, { body }: ApiRequest): void {
  const alias = body()['room_alias_name'];
  if (typeof alias === 'string' && store.aliases.has(`#${alias}:${store.serverName}`))
    throw new Refusal(400, 'M_ROOM_IN_USE', 'Room alias already taken');
}

function createRoom({ store, limiter, roomRate, now }: ApiContext, me: string, body: JsonMap): JsonMap {
  const alias = typeof body['room_alias_name'] === 'string' ? body['room_alias_name'] : undefined;
  // It was free a moment ago: of two simultaneous requests, Synapse answers the later one with this instead of M_ROOM_IN_USE.
  if (alias && store.aliases.has(`#${alias}:${store.serverName}`))
    throw new Refusal(409, 'M_UNKNOWN', `Room alias #${alias}:${store.serverName} already exists`);
  const waitMs = roomRate ? limiter.take(`rooms of ${me}`, roomRate, now()) : 0;
  if (waitMs > 0) throw new Refusal(429, 'M_LIMIT_EXCEEDED', 'Too Many Requests', { retry_after_ms: waitMs });
  const invite = Array.isArray(body['invite']) ? body['invite'].map(String) : [];
  const stranger = invite.find((id) => !store.users.has(id));
  if (stranger !== undefined) throw new Refusal(403, 'M_FORBIDDEN', `${stranger} cannot be invited`);
  const room = store.createRoom({
    creator: me,
    invite,
    public: body['preset'] === 'public_chat',
    ...(alias ? { alias } : {}),
  });
  return { room_id: room.id };
}

function send(
  context: ApiContext,
  room: Room,
  session: Session,
  type: string,
  txnId: string,
  content: JsonMap,
): JsonMap {
  const { store } = context;
  const key = transactionKey(room, session, txnId);
  const before = store.transactions.get(key);
  // Before the rate limit, as in Synapse: repeating a completed request does not count.
  if (before !== undefined) return { event_id: before };
  limit(context, session);
  validate(type, content);
  requirePower(room, session.user.id, type, false);
  const related = relation(content);
  relate(context, room, session, type, related);
  if (Buffer.byteLength(JSON.stringify(content)) + ENVELOPE_BYTES > MAX_PDU_BYTES)
    throw new Refusal(413, 'M_TOO_LARGE', 'event too large');
  const event = store.append(room, { type, sender: session.user.id, content, session, txnId });
  store.transactions.set(key, event.id);
  if (related['rel_type'] === 'm.annotation') store.annotations.set(annotation(session.user.id, related), event.id);
  return { event_id: event.id };
}

function redact(
  context: ApiContext,
  room: Room,
  session: Session,
  target: string,
  txnId: string,
  body: JsonMap,
): JsonMap {
  const { store } = context;
  const key = transactionKey(room, session, txnId);
  const before = store.transactions.get(key);
  if (before !== undefined) return { event_id: before };
  limit(context, session);
  const event = store.events.get(target);
  if (event && event.room !== room.id) throw new Refusal(400, 'M_UNKNOWN', 'Cannot redact event from a different room');
  if (event && event.sender !== session.user.id && power(room, session.user.id) < level(room, 'redact', 50))
    throw new Refusal(403, 'M_FORBIDDEN', "You don't have permission to redact events");
  const redaction = store.append(room, {
    type: 'm.room.redaction',
    sender: session.user.id,
    content: { ...body, redacts: target },
    session,
    txnId,
  });
  if (event) store.redact(event, redaction);
  store.transactions.set(key, redaction.id);
  return { event_id: redaction.id };
}

/** Scoped to the device, or to the token if there is none. */
function transactionKey(room: Room, session: Session, txnId: string): string {
  return `${session.user.id}\0${session.deviceId ?? session.token}\0${room.id}\0${txnId}`;
}

function limit({ rate, limiter, now }: ApiContext, session: Session): void {
  if (!rate) return;
  const waitMs = limiter.take(session.user.id, rate, now());
  if (waitMs > 0) throw new Refusal(429, 'M_LIMIT_EXCEEDED', 'Too Many Requests', { retry_after_ms: waitMs });
}

function validate(type: string, content: JsonMap): void {
  const bad = (why: string): never => {
    throw new Refusal(400, 'M_BAD_JSON', why);
  };
  if (type === 'm.room.message') {
    if (typeof content['body'] !== 'string') bad("'body' not in content");
    if (typeof content['msgtype'] !== 'string') bad("'msgtype' not in content");
  }
  if (type === 'm.room.encrypted' || type.length > 255) bad('not taken here');
  const mentions = content['m.mentions'];
  if (mentions !== undefined) {
    const { user_ids: ids, room } = map(mentions);
    const isMap = typeof mentions === 'object' && mentions !== null && !Array.isArray(mentions);
    if (
      !isMap ||
      (ids !== undefined && !(Array.isArray(ids) && ids.every((id) => typeof id === 'string'))) ||
      (room !== undefined && typeof room !== 'boolean')
    )
      bad('m.mentions is malformed');
  }
  const walk = (value: Json): void => {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) bad('Bad JSON value: float');
    if (typeof value === 'string' && !value.isWellFormed()) throw new Refusal(400, 'M_NOT_JSON', 'Content not JSON.');
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) walk(inner);
  };
  walk(content);
}

/** synapse/handlers/message.py, _validate_event_relation. */
function relate({ store }: ApiContext, room: Room, session: Session, _type: string, related: JsonMap): void {
  const kind = related['rel_type'];
  if (typeof kind !== 'string' || typeof related['event_id'] !== 'string') return;
  const parent = store.events.get(related['event_id']);
  if (!parent) throw new Refusal(400, 'M_UNKNOWN', "Can't send relation to unknown event");
  if (parent.room !== room.id) throw new Refusal(400, 'M_UNKNOWN', 'Relations must be in the same room');
  if (kind === 'm.annotation') {
    if (typeof related['key'] !== 'string') throw new Refusal(400, 'M_UNKNOWN', 'Missing aggregation key');
    if (related['key'].length > 500) throw new Refusal(400, 'M_UNKNOWN', 'Aggregation key is too long');
    if (store.annotations.has(annotation(session.user.id, related)))
      throw new Refusal(400, 'M_DUPLICATE_ANNOTATION', "Can't send same reaction twice");
  }
  if (kind === 'm.thread' && typeof relation(parent.content)['rel_type'] === 'string')
    throw new Refusal(400, 'M_UNKNOWN', 'Cannot start threads from an event with a relation');
}

function annotation(user: string, related: JsonMap): string {
  return `${user}\0${String(related['event_id'])}\0${String(related['key'])}`;
}

function power(room: Room, user: string): number {
  const create = room.stateEvent('m.room.create');
  const more = create?.content['additional_creators'];
  // MSC4289: since version 12, creators are above all power levels.
  if (
    Number(create?.content['room_version']) >= 12 &&
    (create?.sender === user || (Array.isArray(more) && more.includes(user)))
  )
    return Number.POSITIVE_INFINITY;
  const levels = room.stateEvent('m.room.power_levels')?.content ?? {};
  const own = map(levels['users'])[user];
  return typeof own === 'number' ? own : level(room, 'users_default', 0);
}

function level(room: Room, name: string, fallback: number): number {
  const value = (room.stateEvent('m.room.power_levels')?.content ?? {})[name];
  return typeof value === 'number' ? value : fallback;
}

function requirePower(room: Room, user: string, type: string, state: boolean): void {
  const own = map(room.stateEvent('m.room.power_levels')?.content['events'])[type];
  const needed =
    typeof own === 'number' ? own : state ? level(room, 'state_default', 50) : level(room, 'events_default', 0);
  if (power(room, user) < needed)
    throw new Refusal(
      403,
      'M_FORBIDDEN',
      `You don't have permission to post that to the room. user_level (${power(room, user)}) < send_level (${needed})`,
    );
}

export function relation(content: JsonMap): JsonMap {
  return map(content['m.relates_to']);
}

function map(value: Json | undefined): JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** A message that the test sends for a person, without limits and transactions. */
export function sayAs(store: Store, room: Room, sender: string, type: string, content: JsonMap): StoredEvent {
  if (!room.isJoined(sender)) throw new Refusal(403, 'M_FORBIDDEN', `User ${sender} not in room ${room.id}`);
  return store.append(room, { type, sender, content, txnId: `t_${randomUUID()}` });
}
