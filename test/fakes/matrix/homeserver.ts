import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { answer, endpointOf, refuseTaken, sayAs } from './api.ts';
import type { ApiRequest } from './api.ts';
import { Faults } from './faults.ts';
import { Limiter } from './limiter.ts';
import { shownMessages } from './shown.ts';
import { Refusal, Store } from './store.ts';
import type { Session } from './store.ts';
import { parsePos, parseSyncFilter, sync, toClient } from './sync.ts';
import { upgradeRoom } from './upgrade.ts';
import type {
  Endpoint,
  FakeUser,
  Fault,
  HomeserverOptions,
  Json,
  JsonMap,
  Rate,
  RoomOptions,
  ShownMessage,
} from './types.ts';

const API = '/_matrix/client/';
const UPLOAD = '/_matrix/media/v3/upload';
const MAX_REQUEST_BYTES = 200 * 65_536;

interface Waiter {
  readonly session: Session;
  readonly wake: () => void;
}

/** Starts a homeserver over real HTTP, as strict as Synapse in everything that a bot can notice. */
export async function createFakeHomeserver(options: HomeserverOptions = {}): Promise<FakeHomeserver> {
  const homeserver = new FakeHomeserver(options);
  await homeserver.listen(options.port ?? 0);
  return homeserver;
}

export class FakeHomeserver {
  readonly faults = new Faults();
  readonly store: Store;
  /** Requests so far, by endpoint. */
  readonly counts: Partial<Record<Endpoint, number>> = {};
  rate: Rate | undefined;
  /** Limits room creation; Synapse's default is { perSecond: 0.016, burst: 10 }. */
  roomRate: Rate | undefined;
  /** Delay between checking that a room address is free and taking it: requests in between also find it free. */
  makingRoomMs = 5;
  /** Handles paths under /_fake/ if set. */
  control: ((request: IncomingMessage, response: ServerResponse, body: string) => void) | undefined;
  /** Uploads, by their address. */
  readonly media = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  /** Larger uploads are rejected, like `max_upload_size`. */
  maxUploadBytes = Number.POSITIVE_INFINITY;
  private readonly limiter = new Limiter();
  private readonly waiters = new Set<Waiter>();
  private readonly lastSince = new Map<string, (number | undefined)[]>();
  private readonly now: () => number;
  private readonly host: string;
  private server: Server | undefined;
  private port = 0;

  constructor(options: HomeserverOptions = {}) {
    this.now = options.now ?? Date.now;
    this.rate = options.rate;
    this.host = options.host ?? '127.0.0.1';
    this.store = new Store(options.serverName ?? 'fake.test', this.now);
    this.store.onAppend = (room, event) => {
      for (const waiter of this.waiters) {
        const user = waiter.session.user.id;
        if (room.isJoined(user) || event.stateKey === user) waiter.wake();
      }
    };
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Accepts connections (again), on the same port as before. */
  async listen(port = this.port): Promise<void> {
    const server = createServer((request, response) => void this.serve(request, response));
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.host, resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address) this.port = address.port;
    this.server = server;
  }

  /** Refuses connections until `listen`, and cuts existing ones; stored data is kept. */
  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    for (const waiter of this.waiters) waiter.wake();
    await closed;
  }

  addUser(
    name: string,
    options: { password?: string; displayName?: string; token?: string; deviceId?: string | null } = {},
  ): FakeUser {
    return this.store.addUser(name, options);
  }

  /** Invalidates all tokens of the user. */
  logout(user: string): void {
    for (const session of this.store.sessions.values())
      if (session.user.id === this.store.fullId(user)) this.store.sessions.delete(session.token);
  }

  /** Resolves to the new room's id. */
  createRoom(options: RoomOptions): string {
    return this.store.createRoom(options).id;
  }

  invite(user: string, room: string): void {
    const target = this.store.room(room);
    this.store.setMembership(
      target,
      this.store.fullId(user),
      'invite',
      String(target.stateEvent('m.room.create')?.sender),
    );
  }

  join(user: string, room: string): void {
    this.store.setMembership(this.store.room(room), this.store.fullId(user), 'join', this.store.fullId(user));
  }

  leave(user: string, room: string): void {
    this.store.setMembership(this.store.room(room), this.store.fullId(user), 'leave', this.store.fullId(user));
  }

  kick(user: string, room: string, reason?: string): void {
    const target = this.store.room(room);
    this.store.setMembership(
      target,
      this.store.fullId(user),
      'leave',
      String(target.stateEvent('m.room.create')?.sender),
      reason,
    );
  }

  setState(user: string, room: string, type: string, content: JsonMap, stateKey = ''): void {
    this.store.append(this.store.room(room), { type, sender: this.store.fullId(user), content, stateKey });
  }

  /** Resolves to the id of the replacement room. */
  upgradeRoom(user: string, room: string, version = '11'): string {
    return upgradeRoom(this.store, this.store.room(room), this.store.fullId(user), version).id;
  }

  /** Moves an address to another room, only in the directory; null removes it. */
  setAlias(alias: string, room: string | null): void {
    if (room === null) this.store.aliases.delete(alias);
    else this.store.aliases.set(alias, this.store.room(room).id);
  }

  setDirect(user: string, direct: Record<string, string[]>): void {
    const found = this.store.users.get(this.store.fullId(user));
    if (!found) throw new Error(`no user ${user}`);
    found.accountData.set('m.direct', direct);
    found.accountDataPos = this.store.pos += 1;
    for (const waiter of this.waiters) if (waiter.session.user === found) waiter.wake();
  }

  /** Sends a message as a person; `extra` is merged into the content. Resolves to the event id. */
  say(user: string, room: string, text: string, extra: JsonMap = {}): string {
    return this.send(user, room, 'm.room.message', { msgtype: 'm.text', body: text, ...extra });
  }

  send(user: string, room: string, type: string, content: JsonMap): string {
    return sayAs(this.store, this.store.room(room), this.store.fullId(user), type, content).id;
  }

  /** Resolves to the id of the reaction, for `redact`. */
  react(user: string, room: string, target: string, emoji: string): string {
    const event = this.send(user, room, 'm.reaction', {
      'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: emoji },
    });
    this.store.annotations.set(`${this.store.fullId(user)}\0${target}\0${emoji}`, event);
    return event;
  }

  redact(user: string, room: string, target: string): string {
    const redaction = sayAs(this.store, this.store.room(room), this.store.fullId(user), 'm.room.redaction', {
      redacts: target,
    });
    const event = this.store.events.get(target);
    if (event) this.store.redact(event, redaction);
    return redaction.id;
  }

  /** All events of the room in order, as its creator's client would get them. */
  timeline(room: string): JsonMap[] {
    const nobody: Session = {
      user: { id: '', password: undefined, displayName: undefined, accountData: new Map(), accountDataPos: 0 },
      deviceId: undefined,
      token: '',
    };
    return this.store.room(room).events.map((event) => toClient(event, nobody, this.now(), true));
  }

  /** An upload, as text. */
  mediaText(uri: string): string | undefined {
    return this.media.get(uri)?.bytes.toString();
  }

  /** The messages of the room as people see them. */
  shown(room: string): ShownMessage[] {
    return shownMessages(this.store.room(room));
  }

  membersOf(room: string): string[] {
    return [...this.store.room(room).members].filter(([, member]) => member.membership === 'join').map(([id]) => id);
  }

  /** Rooms a user is in or invited to. */
  roomsOf(user: string): string[] {
    const id = this.store.fullId(user);
    return [...(this.store.roomsOf.get(id) ?? [])]
      .filter((room) => ['join', 'invite'].includes(room.members.get(id)?.membership ?? ''))
      .map((room) => room.id);
  }

  /** Limits room creation. */
  setRoomRate(rate: Rate | null): void {
    this.roomRate = rate ?? undefined;
  }

  setRate(rate: Rate | null): void {
    this.rate = rate ?? undefined;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_REQUEST_BYTES) break;
      }
    } catch {
      return; // the client disconnected
    }
    const raw = Buffer.concat(chunks).toString('utf8');
    const [pathname = '', search = ''] = (request.url ?? '').split('?', 2);
    if (this.control && pathname.startsWith('/_fake/')) return this.control(request, response, raw);
    if (size > MAX_REQUEST_BYTES)
      return reply(response, 413, { errcode: 'M_TOO_LARGE', error: 'Request body is too large' });
    const isUpload = pathname === UPLOAD;
    if (!isUpload && !pathname.startsWith(API))
      return reply(response, 404, { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' });
    if (pathname === `${API}versions`)
      return reply(response, 200, { versions: ['v1.1', 'v1.11'], unstable_features: {} });
    const path = isUpload ? ['upload'] : pathname.slice(API.length).split('/').slice(1).map(decodeURIComponent);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const session = token === undefined ? undefined : this.store.sessions.get(token);
    let parsed: JsonMap | undefined;
    const call: ApiRequest = {
      method: request.method ?? 'GET',
      path,
      query: new URLSearchParams(search),
      session,
      body: () => (parsed ??= parse(raw)),
    };
    try {
      await this.handle(call, token, response, () => this.upload(call, request, Buffer.concat(chunks)));
    } catch (error) {
      if (!(error instanceof Refusal)) {
        console.error(error);
        return reply(response, 500, { errcode: 'M_UNKNOWN', error: 'Internal server error' });
      }
      if (error.status === 429) return this.refuse(response, error.extra['retry_after_ms']);
      reply(response, error.status, { errcode: error.errcode, error: error.message, ...error.extra });
    }
  }

  private upload({ session }: ApiRequest, { headers }: IncomingMessage, bytes: Buffer): JsonMap {
    if (!session) throw new Refusal(401, 'M_MISSING_TOKEN', 'Missing access token');
    if (bytes.length > this.maxUploadBytes) throw new Refusal(413, 'M_TOO_LARGE', 'Upload request body is too large');
    const uri = `mxc://${this.store.serverName}/media${this.media.size}`;
    this.media.set(uri, { type: headers['content-type'] ?? '', bytes });
    return { content_uri: uri };
  }

  private async handle(
    call: ApiRequest,
    token: string | undefined,
    response: ServerResponse,
    upload: () => JsonMap,
  ): Promise<void> {
    const endpoint = endpointOf(call);
    this.counts[endpoint] = (this.counts[endpoint] ?? 0) + 1;
    if (token !== undefined && !call.session)
      throw new Refusal(401, 'M_UNKNOWN_TOKEN', 'Invalid access token passed.', { soft_logout: false });
    const fault = this.faults.take(endpoint, call.session?.user.id);
    switch (fault?.kind) {
      case 'limited':
        throw new Refusal(429, 'M_LIMIT_EXCEEDED', 'Too Many Requests', { retry_after_ms: fault.retryAfterMs ?? 50 });
      case 'unauthorised':
        throw new Refusal(401, 'M_UNKNOWN_TOKEN', 'Invalid access token passed.', { soft_logout: false });
      case 'error':
        throw new Refusal(500, 'M_UNKNOWN', 'Internal server error');
      case 'html':
        return replyHtml(response);
      case 'refuse': {
        const { status, errcode, error } = fault.refusal ?? { status: 403, errcode: 'M_FORBIDDEN', error: 'Forbidden' };
        throw new Refusal(status, errcode, error);
      }
      case 'drop':
        return void response.socket?.destroy();
      case 'hang':
        return;
    }
    if (endpoint === 'createRoom') {
      refuseTaken(this.store, call);
      await new Promise((resolve) => setTimeout(resolve, this.makingRoomMs));
    }
    const { store, rate, roomRate, limiter, now } = this;
    const work = async (): Promise<JsonMap | undefined> =>
      endpoint === 'sync'
        ? await this.sync(call, fault, response)
        : endpoint === 'upload'
          ? upload()
          : answer({ store, rate, roomRate, limiter, now }, call);
    // A response of any status can get lost.
    const { status, body } = await work().then(
      (done) => ({ status: 200, body: done }),
      (error: unknown) => {
        if (!fault || !(error instanceof Refusal)) throw error;
        return { status: error.status, body: { errcode: error.errcode, error: error.message, ...error.extra } };
      },
    );
    switch (fault?.kind) {
      case 'errorAfter':
        throw new Refusal(500, 'M_UNKNOWN', 'Internal server error');
      case 'dropAfter':
        return void response.socket?.destroy();
      case 'cutAfter':
        return cutShort(response, status, body ?? {});
      case 'hangAfter':
        return;
    }
    if (body) reply(response, status, body);
  }

  /** Synapse delays a rejected request by half a second, and rounds the header up to whole seconds. */
  private refuse(response: ServerResponse, retryAfterMs: Json | undefined): void {
    const ms = typeof retryAfterMs === 'number' ? retryAfterMs : 0;
    const body = { errcode: 'M_LIMIT_EXCEEDED', error: 'Too Many Requests', retry_after_ms: ms };
    const send = (): void => reply(response, 429, body, { 'Retry-After': String(Math.ceil(ms / 1000)) });
    if (this.rate) setTimeout(send, this.rate.pauseMs ?? 500).unref();
    else send();
  }

  private async sync(
    call: ApiRequest,
    fault: Fault | undefined,
    response: ServerResponse,
  ): Promise<JsonMap | undefined> {
    const { session, query } = call;
    if (!session) throw new Refusal(401, 'M_MISSING_TOKEN', 'Missing access token');
    const filter = parseSyncFilter(query.get('filter'));
    const asked = parsePos(query.get('since'));
    const history = this.lastSince.get(session.token) ?? [];
    const since =
      fault?.kind === 'redeliver' && asked !== undefined
        ? (history.findLast((one) => one !== undefined && one < asked) ?? asked)
        : asked;
    if (asked !== history.at(-1)) this.lastSince.set(session.token, [...history.slice(-3), asked]);
    const keep = fault?.kind === 'gap' ? (fault.keep ?? 1) : undefined;
    const look = (): { body: JsonMap; empty: boolean } => sync(this.store, session, since, filter, this.now(), keep);
    const waitMs = Math.min(Number(query.get('timeout') ?? '0') || 0, 60_000);
    let found = look();
    const deadline = this.now() + waitMs;
    while (found.empty && since !== undefined && this.now() < deadline && this.server && !response.destroyed) {
      await this.appended(session, deadline - this.now(), response);
      found = look();
    }
    return response.destroyed ? undefined : found.body;
  }

  private appended(session: Session, ms: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        response.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const waiter: Waiter = { session, wake: () => setImmediate(done) };
      response.once('close', done);
      this.waiters.add(waiter);
    });
  }
}

/** As of a proxy before the homeserver. */
function replyHtml(response: ServerResponse): void {
  response.writeHead(502, { 'Content-Type': 'text/html' });
  response.end('<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>');
}

/** Half of the response, and then the end of the connection. */
function cutShort(response: ServerResponse, status: number, body: JsonMap): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.write(text.slice(0, text.length / 2), () => response.socket?.destroy());
}

function parse(raw: string): JsonMap {
  let value: Json;
  try {
    value = JSON.parse(raw === '' ? '{}' : raw) as Json;
  } catch {
    throw new Refusal(400, 'M_NOT_JSON', 'Content not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, 'M_BAD_JSON', 'Content must be a JSON object.');
  return value;
}

function reply(response: ServerResponse, status: number, body: JsonMap, headers: Record<string, string> = {}): void {
  if (response.destroyed || response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
