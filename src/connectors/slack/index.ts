import { z } from 'zod';
import type { Message } from '../../chat/message.ts';
import { codeOf, messageOf } from '../../errors.ts';
import type {
  Capabilities,
  Connector,
  ConnectorEnvironment,
  ConnectorHost,
  Conversation,
  Finding,
  IncomingEvent,
  Member,
  Operation,
  Part,
  RenderOptions,
  Route,
} from '../connector.ts';
import { SlackApi } from './api.ts';
import { Conversations } from './conversations.ts';
import { examine } from './examine.ts';
import { classified } from './failures.ts';
import { identify, type Identity } from './identity.ts';
import { readEvent, type ParsedEvent, type Reading } from './incoming.ts';
import { readCommand, readPress } from './interactions.ts';
import { Listener } from './listener.ts';
import type { SlackOptions } from './options.ts';
import { People } from './people.ts';
import { bucketsOf, perform } from './perform.ts';
import { slack } from './platform.ts';
import { renderSlack } from './render.ts';
import { slackRoute } from './route.ts';
import { createTransport } from './transport.ts';

/** Creates the connector for one Slack app. It makes no request before `start`. */
export function create(options: SlackOptions, environment: ConnectorEnvironment): Promise<Connector> {
  return Promise.resolve(new SlackConnector(options, environment));
}

/** Slack waits three seconds for the response to a request. */
const RESPONSE_MS = 2_500;
const anything = z.looseObject({});

class SlackConnector implements Connector {
  readonly capabilities: Capabilities;
  readonly routes: readonly Route[];
  readonly #options: SlackOptions;
  readonly #environment: ConnectorEnvironment;
  readonly #transport = createTransport();
  readonly #api: SlackApi;
  readonly #people: People;
  readonly #conversations: Conversations;
  readonly #stopping = new AbortController();
  readonly #work = new Set<Promise<unknown>>();
  #me: Promise<Identity> | undefined;

  constructor(options: SlackOptions, environment: ConnectorEnvironment) {
    const { botToken, signingSecret: secret, apiUrl } = options;
    this.#options = options;
    this.#environment = environment;
    this.#api = new SlackApi(apiUrl, () => environment.secret(botToken), this.#transport, environment.longestRequestMs);
    this.#people = new People(this.#api);
    this.#conversations = new Conversations(this.#api, this.#people);
    this.capabilities = slack.capabilities(options);
    const signingSecret = secret && (() => environment.secret(secret));
    this.routes = signingSecret
      ? [slackRoute({ signingSecret, read: (kind, body) => this.#posted(kind, body), now: () => Date.now() })]
      : [];
  }

  async start(host: ConnectorHost): Promise<void> {
    const starting = this.#open(host);
    this.#track(starting);
    await starting;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the connector was stopped'));
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    await this.#transport.close();
  }

  render(message: Message, options: RenderOptions): Part[] {
    return renderSlack(message, options);
  }

  async perform(operation: Operation, signal: AbortSignal): Promise<string> {
    return this.#withToken(() => perform(this.#api, operation, signal));
  }

  buckets(operation: Operation): readonly string[] {
    return bucketsOf(operation);
  }

  members(room: string, signal: AbortSignal): Promise<readonly Member[]> {
    return this.#withToken(() => this.#conversations.members(room, signal));
  }

  openDirect(accountId: string, signal: AbortSignal): Promise<string> {
    return this.#withToken(() => this.#conversations.openDirect(accountId, signal));
  }

  openGroup(conversation: Conversation, signal: AbortSignal): Promise<string> {
    return this.#withToken(() => this.#conversations.openGroup(conversation, signal));
  }

  setTopic(room: string, text: string, signal: AbortSignal): Promise<void> {
    return this.#withToken(() => this.#conversations.setTopic(room, text, signal));
  }

  setGroup(group: string, accounts: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#withToken(() => this.#conversations.setGroup(group, accounts, signal));
  }

  examine(rooms: readonly string[], signal: AbortSignal): Promise<Finding[]> {
    const { appToken, apiUrl, slashCommand, joinNewChannels } = this.#options;
    const openSocket =
      appToken &&
      (async (within: AbortSignal): Promise<void> => {
        const app = new SlackApi(apiUrl, () => this.#environment.secret(appToken), this.#transport);
        await app.call('apps.connections.open', {}, anything, within);
      });
    return examine({ api: this.#api, openSocket, slashCommand, joinNewChannels }, rooms, signal);
  }

  async #open(host: ConnectorHost): Promise<void> {
    const { signal } = this.#stopping;
    const { appToken, apiUrl, slashCommand } = this.#options;
    try {
      this.#api.forgetToken();
      this.#me = identify(this.#api, signal);
      const listener = new Listener({
        ...{ host, signal, apiUrl, slashCommand, api: this.#api, transport: this.#transport },
        longestRequestMs: this.#environment.longestRequestMs,
        reading: this.#reading(await this.#me, signal),
        appToken: appToken && (await this.#environment.secret(appToken)),
        onWorkspaceEvent: (parsed) => this.#handleWorkspaceEvent(parsed),
      });
      await listener.open();
      signal.throwIfAborted();
      this.#track(listener.run());
    } catch (error) {
      this.#me = undefined;
      throw classified(error);
    }
  }

  #reading(me: Identity, signal: AbortSignal): Reading {
    return { me, person: (id) => this.#people.of(id, signal) };
  }

  /** Parses what Slack posted to this replica, where the connector may not be started. */
  async #posted(kind: 'event' | 'press' | 'command', body: unknown): Promise<IncomingEvent | undefined> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(RESPONSE_MS)]);
    this.#me ??= identify(this.#api, this.#stopping.signal);
    const me = await this.#me.catch((error: unknown) => {
      this.#me = undefined;
      this.#api.forgetToken();
      throw classified(error);
    });
    const reading = this.#reading(me, signal);
    if (kind === 'press') return readPress(body, reading, new Date());
    if (kind === 'command') return readCommand(body, this.#options.slashCommand, reading, new Date());
    const parsed = await readEvent(body, reading);
    if (parsed.type === 'event') return parsed.event;
    this.#handleWorkspaceEvent(parsed);
    return undefined;
  }

  #handleWorkspaceEvent(parsed: ParsedEvent): void {
    if (parsed.type === 'person changed') this.#people.forget(parsed.id);
    if (parsed.type === 'new channel' && this.#options.joinNewChannels) this.#track(this.#join(parsed.room));
  }

  async #join(channel: string): Promise<void> {
    try {
      await this.#api.call('conversations.join', { channel }, anything, this.#stopping.signal);
    } catch (error) {
      this.#environment.log.warn({ room: channel, reason: messageOf(error) }, 'could not join a new channel');
    }
  }

  /** After a rejected token, the next request reads it again. */
  async #withToken<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) === 'WB_UNAUTHORISED') this.#api.forgetToken();
      throw error;
    }
  }

  /** Makes `stop` wait for this work. */
  #track(work: Promise<unknown>): void {
    const settled = work.catch(() => {}).finally(() => this.#work.delete(settled));
    this.#work.add(settled);
  }
}
