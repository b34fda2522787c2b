import { randomBytes } from 'node:crypto';
import type { Message } from '../../chat/message.ts';
import { messageOf } from '../../errors.ts';
import type {
  Capabilities,
  Connector,
  ConnectorEnvironment,
  ConnectorHost,
  Conversation,
  Finding,
  Member,
  Operation,
  Part,
  RenderOptions,
} from '../connector.ts';
import { openAccount } from './account.ts';
import type { Account } from './account.ts';
import { members, openGroup } from './conversations.ts';
import type { Speaking } from './conversations.ts';
import { openDirect } from './direct.ts';
import { examine } from './examine.ts';
import { Memberships } from './memberships.ts';
import type { MatrixOptions } from './options.ts';
import { classified, perform } from './perform.ts';
import { matrix } from './platform.ts';
import { Reactions } from './reactions.ts';
import { Receiver } from './receiver.ts';
import { renderMatrix } from './render.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';

/** Builds the connector for one Matrix account. Nothing is requested before `start`. */
export function create(options: MatrixOptions, environment: ConnectorEnvironment): Promise<Connector> {
  return Promise.resolve(new MatrixConnector(options, environment));
}

/** Options under which a login does not end the bot's own. */
function passing(options: MatrixOptions, device: string): MatrixOptions {
  return options.password
    ? { ...options, device: `${device}${randomBytes(6).toString('hex').toUpperCase()}` }
    : options;
}

const GONE_KEPT = 2_000;

class MatrixConnector implements Connector {
  readonly capabilities: Capabilities;
  private readonly options: MatrixOptions;
  private readonly environment: ConnectorEnvironment;
  private readonly requests: Requests;
  private readonly gone = new Set<string>();
  private rooms: Rooms;
  private account: Account | undefined;
  private visiting: Promise<Account> | undefined;
  private memberships: Memberships | undefined;
  private running: AbortController | undefined;
  private work: Promise<unknown>[] = [];

  constructor(options: MatrixOptions, environment: ConnectorEnvironment) {
    this.options = options;
    this.environment = environment;
    this.requests = new Requests(options.homeserver);
    this.rooms = new Rooms(this.requests);
    this.capabilities = matrix.capabilities(options);
  }

  async start(host: ConnectorHost): Promise<void> {
    const running = new AbortController();
    this.running = running;
    const starting = this.open(host, running.signal);
    this.work.push(starting.catch(() => {}));
    await starting;
  }

  async stop(): Promise<void> {
    this.running?.abort(new Error('the connector is stopped'));
    while (this.work.length > 0) await Promise.allSettled(this.work.splice(0));
    if (this.visiting && this.options.password && !this.account)
      await this.requests.request('POST', '/_matrix/client/v3/logout', { body: {}, timeoutMs: 2000 }).catch(() => {});
    this.requests.close();
  }

  render(message: Message, options: RenderOptions): Part[] {
    return renderMatrix(message, options);
  }

  perform(operation: Operation, signal: AbortSignal): Promise<string> {
    const by = {
      requests: this.requests,
      rooms: this.rooms,
      moves: this.memberships,
      userId: this.account?.userId ?? 'the bot',
      isGone: (id: string) => this.gone.has(id),
    };
    return perform(by, operation, signal);
  }

  members(room: string, signal: AbortSignal): Promise<readonly Member[]> {
    return this.speaking('members', room, signal, (by) => members(by, room, signal));
  }

  openDirect(account: string, signal: AbortSignal): Promise<string> {
    return this.speaking('open', `the conversation with ${account}`, signal, (by) => openDirect(by, account, signal));
  }

  openGroup(conversation: Conversation, signal: AbortSignal): Promise<string> {
    const { uuid } = conversation;
    return this.speaking('open', `the conversation ${uuid}`, signal, (by) => openGroup(by, conversation, signal));
  }

  private async speaking<T>(
    type: 'members' | 'open',
    room: string,
    signal: AbortSignal,
    work: (by: Speaking) => Promise<T>,
  ): Promise<T> {
    try {
      const { userId } = this.account ?? (await (this.visiting ??= this.visit(signal)));
      return await work({ requests: this.requests, rooms: this.rooms, userId });
    } catch (error) {
      throw classified(error, { type, room }, this.account?.userId ?? 'the bot');
    }
  }

  /** Speaks without being started: from a device of its own where a login on the bot's would log that out. */
  private async visit(signal: AbortSignal): Promise<Account> {
    try {
      return await openAccount(this.requests, passing(this.options, 'VISIT'), this.environment, signal);
    } catch (error) {
      this.visiting = undefined;
      throw error;
    }
  }

  async examine(rooms: readonly string[], signal: AbortSignal): Promise<Finding[]> {
    if (this.account) return await examine(this.requests, this.rooms, this.account, rooms, signal);
    // The bot may be running elsewhere, and a login on its device would log it out: look from a device of our own.
    const requests = new Requests(this.options.homeserver);
    try {
      const account = await openAccount(requests, passing(this.options, 'DOCTOR'), this.environment, signal);
      const findings = await examine(requests, new Rooms(requests), account, rooms, signal);
      if (this.options.password) await requests.request('POST', '/_matrix/client/v3/logout', { body: {}, signal });
      return findings;
    } catch (error) {
      return [{ ok: false, what: 'token', message: messageOf(error) }];
    } finally {
      requests.close();
    }
  }

  private async open(host: ConnectorHost, signal: AbortSignal): Promise<void> {
    const account = await openAccount(this.requests, this.options, this.environment, signal);
    this.account = account;
    const { state } = this.environment;
    const rooms = new Rooms(this.requests);
    this.rooms = rooms;
    await Memberships.recall({ rooms, state });
    const memberships = new Memberships({
      ...{ rooms, host, state, signal, userId: account.userId },
      beside: (work) => void this.work.push(work),
      monotonic: () => performance.now(),
    });
    const receiver = await Receiver.open(
      {
        ...{ rooms, host, state },
        requests: this.requests,
        reactions: await Reactions.load(state),
        myself: account,
        log: host.log,
        failing: new Map(),
        onInvite: (invite) => memberships.invited(invite),
        onLeft: (room) => memberships.putOut(room),
        onSuspect: (room) => memberships.suspect(room),
        onRedacted: (id) => this.redacted(id),
      },
      signal,
    );
    // Before anything is received: an event carries the room's id, and the core must know which address that is.
    const missing = await memberships.find();
    signal.throwIfAborted();
    this.memberships = memberships;
    host.state(true);
    this.work.push(receiver.run(signal), memberships.tend(missing));
  }

  private redacted(id: string): void {
    this.gone.add(id);
    for (const oldest of this.gone) {
      if (this.gone.size <= GONE_KEPT) break;
      this.gone.delete(oldest);
    }
  }
}
