import { randomBytes, randomUUID } from 'node:crypto';
import type { FakeUser, JsonMap, RoomOptions, StoredEvent } from './types.ts';

export interface User {
  readonly id: string;
  readonly password: string | undefined;
  displayName: string | undefined;
  accountData: Map<string, JsonMap>;
  accountDataPos: number;
}

export interface Session {
  readonly user: User;
  readonly deviceId: string | undefined;
  readonly token: string;
}

export interface Member {
  membership: 'join' | 'invite' | 'leave' | 'ban';
  /** Position in the stream where this membership started. */
  pos: number;
}

export class Room {
  readonly id: string;
  readonly events: StoredEvent[] = [];
  /** All state except members, by type and key. */
  readonly state = new Map<string, StoredEvent>();
  /** Stored separately, so that a room with thousands of members does not slow down a sync. */
  readonly memberState = new Map<string, StoredEvent>();
  readonly members = new Map<string, Member>();
  joined = 0;
  invited = 0;
  constructor(id: string) {
    this.id = id;
  }

  stateEvent(type: string, key = ''): StoredEvent | undefined {
    return type === 'm.room.member' ? this.memberState.get(key) : this.state.get(`${type}\0${key}`);
  }

  isJoined(user: string): boolean {
    return this.members.get(user)?.membership === 'join';
  }

  /** Index of the first event after a position in the stream. */
  after(pos: number): number {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.pos ?? 0) > pos) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** A response of the homeserver other than 2xx. */
export class Refusal extends Error {
  readonly status: number;
  readonly errcode: string;
  readonly extra: JsonMap;
  constructor(status: number, errcode: string, message: string, extra: JsonMap = {}) {
    super(message);
    this.status = status;
    this.errcode = errcode;
    this.extra = extra;
  }
}

export interface NewEvent {
  readonly type: string;
  readonly sender: string;
  readonly content: JsonMap;
  readonly stateKey?: string;
  readonly session?: Session;
  readonly txnId?: string;
}

/** The homeserver's data, in memory. */
export class Store {
  readonly serverName: string;
  readonly users = new Map<string, User>();
  readonly sessions = new Map<string, Session>();
  readonly rooms = new Map<string, Room>();
  readonly aliases = new Map<string, string>();
  readonly events = new Map<string, StoredEvent>();
  /** Rooms a user is or was in. */
  readonly roomsOf = new Map<string, Set<Room>>();
  /** Event ids by transaction: user, device (or token), room, transaction id. */
  readonly transactions = new Map<string, string>();
  /** Existing reactions, as `user\0target\0emoji`. */
  readonly annotations = new Map<string, string>();
  pos = 0;
  onAppend: (room: Room, event: StoredEvent) => void = () => {};
  private readonly now: () => number;

  constructor(serverName: string, now: () => number) {
    this.serverName = serverName;
    this.now = now;
  }

  fullId(name: string): string {
    return name.startsWith('@') ? name : `@${name}:${this.serverName}`;
  }

  addUser(
    name: string,
    options: { password?: string; displayName?: string; token?: string; deviceId?: string | null } = {},
  ): FakeUser {
    const id = this.fullId(name);
    const user: User = {
      id,
      password: options.password,
      displayName: options.displayName,
      accountData: new Map(),
      accountDataPos: 0,
    };
    this.users.set(id, user);
    return this.login(user, options.deviceId, options.token);
  }

  /** A new token for the device; the device's older tokens stop working, as with a real login. */
  login(user: User, deviceId: string | null | undefined, token = `tok_${randomUUID()}`): FakeUser {
    const device = deviceId === null ? undefined : (deviceId ?? randomBytes(5).toString('hex').toUpperCase());
    if (device)
      for (const session of this.sessions.values())
        if (session.user === user && session.deviceId === device) this.sessions.delete(session.token);
    this.sessions.set(token, { user, deviceId: device, token });
    return { id: user.id, token, deviceId: device };
  }

  createRoom(options: RoomOptions): Room {
    const version = options.version ?? '10';
    const isNamedByHash = Number(version) >= 12;
    const room = new Room(
      isNamedByHash
        ? `!${randomBytes(32).toString('base64url')}`
        : `!${randomBytes(12).toString('base64url')}:${this.serverName}`,
    );
    const creator = this.fullId(options.creator);
    this.rooms.set(room.id, room);
    const state = (type: string, content: JsonMap, stateKey = ''): void =>
      void this.append(room, { type, sender: creator, content, stateKey });
    state('m.room.create', {
      room_version: version,
      ...(Number(version) < 11 && { creator }),
      ...options.create,
    });
    this.setMembership(room, creator, 'join', creator);
    state('m.room.power_levels', {
      users: isNamedByHash ? {} : { [creator]: 100 },
      users_default: 0,
      events_default: 0,
      state_default: 50,
      redact: 50,
      kick: 50,
      ...options.power,
    });
    state('m.room.join_rules', { join_rule: options.public ? 'public' : 'invite' });
    if (options.alias) {
      const alias = options.alias.startsWith('#') ? options.alias : `#${options.alias}:${this.serverName}`;
      this.aliases.set(alias, room.id);
      state('m.room.canonical_alias', { alias });
    }
    if (options.encrypted) state('m.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' });
    for (const name of [...(options.members ?? []), ...(options.invite ?? [])])
      this.setMembership(room, this.fullId(name), 'invite', creator);
    for (const name of options.members ?? []) this.setMembership(room, this.fullId(name), 'join', this.fullId(name));
    return room;
  }

  room(idOrAlias: string): Room {
    const room = this.rooms.get(this.aliases.get(idOrAlias) ?? idOrAlias);
    if (!room) throw new Refusal(404, 'M_NOT_FOUND', 'Unknown room');
    return room;
  }

  setMembership(room: Room, user: string, membership: Member['membership'], sender: string, reason?: string): void {
    const content: JsonMap = { membership };
    const name = this.users.get(user)?.displayName;
    if (name && (membership === 'join' || membership === 'invite')) content['displayname'] = name;
    if (reason) content['reason'] = reason;
    this.append(room, { type: 'm.room.member', sender, content, stateKey: user });
  }

  append(room: Room, event: NewEvent): StoredEvent {
    this.pos += 1;
    const stored: StoredEvent = {
      id: `$${randomBytes(32).toString('base64url')}`,
      pos: this.pos,
      room: room.id,
      type: event.type,
      sender: event.sender,
      stateKey: event.stateKey,
      at: this.now(),
      device: event.session && (event.session.deviceId ?? event.session.token),
      txnId: event.txnId,
      prevContent: event.stateKey === undefined ? undefined : room.stateEvent(event.type, event.stateKey)?.content,
      content: event.content,
      redactedBecause: undefined,
    };
    room.events.push(stored);
    this.events.set(stored.id, stored);
    if (stored.type === 'm.room.member' && stored.stateKey !== undefined) {
      room.memberState.set(stored.stateKey, stored);
      this.member(room, stored);
    } else if (stored.stateKey !== undefined) room.state.set(`${stored.type}\0${stored.stateKey}`, stored);
    this.onAppend(room, stored);
    return stored;
  }

  /** Removes an event's content, as a redaction does. */
  redact(target: StoredEvent, because: StoredEvent): void {
    if (target.redactedBecause) return;
    target.redactedBecause = because;
    const relates = target.content['m.relates_to'];
    if (target.type === 'm.reaction' && typeof relates === 'object' && relates !== null && !Array.isArray(relates))
      this.annotations.delete(`${target.sender}\0${String(relates['event_id'])}\0${String(relates['key'])}`);
    const membership = target.content['membership'];
    target.content = membership === undefined ? {} : { membership };
  }

  private member(room: Room, event: StoredEvent): void {
    const user = event.stateKey ?? '';
    const membership = String(event.content['membership']) as Member['membership'];
    const before = room.members.get(user);
    if (before?.membership === 'join') room.joined -= 1;
    if (before?.membership === 'invite') room.invited -= 1;
    if (membership === 'join') room.joined += 1;
    if (membership === 'invite') room.invited += 1;
    if (before?.membership !== membership) room.members.set(user, { membership, pos: event.pos });
    const rooms = this.roomsOf.get(user) ?? new Set<Room>();
    rooms.add(room);
    this.roomsOf.set(user, rooms);
  }
}
