import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Admin } from './admin.ts';
import { answer } from './api.ts';
import type { Channel } from './channel.ts';
import { eventBody } from './event-body.ts';
import { afterwards, instead, limited, refuseUpgrade } from './fault-answers.ts';
import { Faults } from './faults.ts';
import { map } from './json.ts';
import type { JsonMap } from './json.ts';
import { Limiter } from './limiter.ts';
import { USUAL_SCOPES } from './methods/index.ts';
import { Outbox } from './outbox.ts';
import { People } from './people.ts';
import { RateLimited, Refusal } from './refusal.ts';
import { pause, reply, replyText, readRequest, uploaded } from './replies.ts';
import type { Reply } from './replies.ts';
import { postRequest, signedRequest, verifyUrl } from './requests.ts';
import type { SignedRequest } from './requests.ts';
import { ResponseUrls } from './response-urls.ts';
import { Sockets } from './sockets.ts';
import { Tokens } from './tokens.ts';
import type { SlackOptions } from './types.ts';
import { Workspace } from './workspace.ts';

/** Starts a workspace with one app over real HTTP and WebSockets, as strict as Slack in everything that a bot can notice. */
export async function createFakeSlack(options: SlackOptions = {}): Promise<FakeSlack> {
  const slack = new FakeSlack(options);
  await slack.listen(options.port ?? 0);
  return slack;
}

export class FakeSlack {
  readonly workspace: Workspace;
  readonly faults = new Faults();
  readonly events: Outbox;
  readonly people: People;
  readonly admin: Admin;
  readonly sockets: Sockets;
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  /** Requests so far, by method. */
  readonly counts: Record<string, number> = {};
  /** Answers paths under /_fake/ when set. */
  control: ((request: IncomingMessage, response: ServerResponse, path: string, body: string) => void) | undefined;
  private readonly options: SlackOptions;
  private readonly tokens = new Tokens();
  private readonly limiter = new Limiter();
  private readonly responseUrls: ResponseUrls;
  private readonly connections = new Set<Socket>();
  private requestUrl: string | undefined;
  private isLimited: boolean;
  private server: Server | undefined;
  private port = 0;

  constructor(options: SlackOptions = {}) {
    this.options = options;
    this.botToken = options.botToken ?? 'xoxb-bot';
    this.appToken = options.appToken ?? 'xapp-app';
    this.signingSecret = options.signingSecret ?? 'signing-secret';
    this.isLimited = options.limits ?? false;
    this.tokens.add(this.botToken, 'bot', options.scopes ?? USUAL_SCOPES);
    this.tokens.add(this.appToken, 'app', ['connections:write']);
    const now = options.now ?? Date.now;
    this.workspace = new Workspace(options.botName ?? 'bell', options.metadataSubscriptions ?? [], now);
    this.workspace.onEvent = (event, channel) => this.emit(event, channel);
    const ackTimeoutMs = options.ackTimeoutMs ?? 3000;
    this.sockets = new Sockets(this.workspace.app.appId, ackTimeoutMs);
    this.events = new Outbox(
      () => {
        const url = this.requestUrl;
        if (url === undefined) return (envelope, retry) => this.sockets.deliver(envelope, retry);
        return (envelope, retry) =>
          postRequest(url, signedRequest(this.signingSecret, envelope, retry, now()), ackTimeoutMs);
      },
      options.retryDelaysMs ?? [10, 60_000, 300_000],
    );
    this.responseUrls = new ResponseUrls(this.workspace);
    this.people = new People(this.workspace, this.events, this.responseUrls, () => this.url);
    this.admin = new Admin(this.workspace, this.tokens);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** For `slackApiUrl`. */
  get apiUrl(): string {
    return `${this.url}/api/`;
  }

  /** Accepts connections (again), on the same port as before. */
  async listen(port = this.port): Promise<void> {
    const server = createServer((request, response) => void this.serve(request, response));
    server.keepAliveTimeout = 60_000;
    server.on('connection', (connection: Socket) => {
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
    server.on('upgrade', (request, socket, head) => {
      this.counts['socket'] = (this.counts['socket'] ?? 0) + 1;
      if (refuseUpgrade(this.faults.take('socket', undefined), socket)) return;
      this.sockets.upgrade(request, socket, head);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.options.host ?? '127.0.0.1', resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address) this.port = address.port;
    this.server = server;
  }

  /** Cuts all connections and refuses new ones until `listen`; stored state is kept. */
  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.connections) connection.destroy();
    await closed;
  }

  setLimits(isLimited: boolean): void {
    this.isLimited = isLimited;
  }

  /** From now on events, presses and commands are posted there instead of sent over sockets; null: sockets again. */
  setRequestUrl(url: string | null): void {
    this.requestUrl = url ?? undefined;
  }

  requestCounts(): Readonly<Record<string, number>> {
    return this.counts;
  }

  async verifyUrl(url: string): Promise<boolean> {
    return await verifyUrl(url, this.signingSecret, this.workspace.now());
  }

  /** What Slack would post for an event, without posting it. */
  signedEvent(event: JsonMap): SignedRequest {
    const envelope = { kind: 'events_api', payload: eventBody(this.workspace, event) } as const;
    return signedRequest(this.signingSecret, envelope, undefined, this.workspace.now());
  }

  private emit(event: JsonMap, channel: Channel | undefined): void {
    if (channel && !channel.members.has(this.workspace.app.userId)) return;
    const { subscriptions } = this.options;
    if (subscriptions && !subscriptions.includes(String(event['type']))) return;
    void this.events.send({ kind: 'events_api', payload: eventBody(this.workspace, event) });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const incoming = await readRequest(request);
    if (!incoming) return; // the client has disconnected
    const { path } = incoming;
    if (this.control && path.startsWith('/_fake/'))
      return this.control(request, response, path, incoming.body.toString());
    if (path.startsWith('/api/')) {
      const method = path.slice('/api/'.length);
      const given = await incoming.given();
      if (given === undefined) return reply(response, { status: 200, body: { ok: false, error: 'invalid_json' } });
      const token = incoming.bearer ?? (typeof given['token'] === 'string' ? given['token'] : undefined);
      const channel = given['channel'] ?? given['channel_id'];
      return await this.withFault(method, typeof channel === 'string' ? channel : undefined, response, () =>
        this.call(method, token, given),
      );
    }
    if (path.startsWith('/upload/v1/'))
      return await this.withFault('upload', undefined, response, async () => {
        const file = this.workspace.files.get(path.slice('/upload/v1/'.length));
        const bytes = await uploaded(incoming);
        if (!file || bytes.length !== file.length) return { status: 400, body: 'invalid file' };
        file.bytes = bytes;
        return { status: 200, body: `OK - ${bytes.length}` };
      });
    if (path.startsWith('/actions/') || path.startsWith('/commands/'))
      return await this.withFault('response_url', undefined, response, async () => {
        const given = await incoming.given();
        if (given === undefined) return { status: 400, body: 'invalid_payload' };
        return this.respond(path, given);
      });
    replyText(response, 404, 'not found');
  }

  private call(method: string, token: string | undefined, given: JsonMap): Reply {
    const { workspace, options, tokens, limiter, isLimited, url } = this;
    const newSocketUrl = (): string =>
      `${url.replace('http', 'ws')}/link/?ticket=${this.sockets.newTicket()}&app_id=${workspace.app.appId}`;
    try {
      const context = { workspace, options, tokens, limiter, isLimited, url, newSocketUrl };
      return { status: 200, ...answer(context, { method, token, given }) };
    } catch (error) {
      if (error instanceof RateLimited) return limited(error.retryAfterSeconds);
      throw error;
    }
  }

  private respond(path: string, given: JsonMap): Reply {
    try {
      this.responseUrls.post(path, map(given));
      return { status: 200, body: 'ok' };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const isGone = ['used_url', 'expired_url', 'no_service'].includes(error.message);
      return { status: isGone ? 404 : 400, body: error.message };
    }
  }

  /** Answers one request, or applies the next fault to it. */
  private async withFault(
    method: string,
    channel: string | undefined,
    response: ServerResponse,
    work: () => Reply | Promise<Reply>,
  ): Promise<void> {
    this.counts[method] = (this.counts[method] ?? 0) + 1;
    const fault = this.faults.take(method, channel);
    try {
      const before = fault && instead(fault, response);
      if (before === 'answered') return;
      const done = before ?? (await work());
      if (fault && afterwards(fault, response, done) === 'answered') return;
      if (fault?.kind === 'slow') await pause(fault.delayMs ?? 100);
      reply(response, done);
    } catch (error) {
      console.error(error);
      reply(response, { status: 500, body: 'internal error' });
    }
  }
}
