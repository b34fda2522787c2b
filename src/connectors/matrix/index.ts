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
import type { Session } from './conversations.ts';
import { openDirect } from './direct.ts';
import { examine } from './examine.ts';
import { Memberships } from './memberships.ts';
import type { MatrixOptions } from './options.ts';
import { toContractError, perform } from './perform.ts';
import { matrix } from './platform.ts';
import { Reactions } from './reactions.ts';
import { Receiver } from './receiver.ts';
import { renderMatrix } from './render.ts';
import { Requests } from './requests.ts';
import { Rooms } from './rooms.ts';

/** Creates the connector for one Matrix account. Makes no requests before `start`. */
export function create(options: MatrixOptions, environment: ConnectorEnvironment): Promise<Connector> {
  return Promise.resolve(new MatrixConnector(options, environment));
}

/** Options with a temporary device, so that a login does not end the bot's session. */
function withTemporaryDevice(options: MatrixOptions, device: string): MatrixOptions {
  return options.password
    ? { ...options, device: `${device}${randomBytes(6).toString('hex').toUpperCase()}` }
    : options;
}

const MAX_GONE = 2_000;

class MatrixConnector implements Connector {
  readonly capabilities: Capabilities;
  private readonly options: MatrixOptions;
  private readonly environment: ConnectorEnvironment;
  private readonly requests: Requests;
  private readonly gone = new Set<string>();
  private rooms: Rooms;
  private account: Account | undefined;
  private authenticating: Promise<Account> | undefined;
  private memberships: Memberships | undefined;
  private running: AbortController | undefined;
  private work: Promise<unknown>[] = [];

  constructor(options: MatrixOptions, environment: ConnectorEnvironment) {
    this.options = options;
    this.environment = environment;
    this.requests = new Requests(options.homeserver, environment.longestRequestMs);
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
    if (this.authenticating && this.options.password && !this.account)
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
    return this.withSession('members', room, signal, (by) => members(by, room, signal));
  }

  openDirect(account: string, signal: AbortSignal): Promise<string> {
    return this.withSession('open', `the conversation with ${account}`, signal, (by) =>
      openDirect(by, account, signal),
    );
  }

  openGroup(conversation: Conversation, signal: AbortSignal): Promise<string> {
    const { uuid } = conversation;
    return this.withSession('open', `the conversation ${uuid}`, signal, (by) => openGroup(by, conversation, signal));
  }

  private async withSession<T>(
    type: 'members' | 'open',
    room: string,
    signal: AbortSignal,
    work: (by: Session) => Promise<T>,
  ): Promise<T> {
    try {
      const { userId } = this.account ?? (await (this.authenticating ??= this.authenticate(signal)));
      return await work({ requests: this.requests, rooms: this.rooms, userId });
    } catch (error) {
      throw toContractError(error, { type, room }, this.account?.userId ?? 'the bot');
    }
  }

  /** Authenticates without being started, on a temporary device: a login on the bot's device would end its session. */
  private async authenticate(signal: AbortSignal): Promise<Account> {
    try {
      return await openAccount(this.requests, withTemporaryDevice(this.options, 'VISIT'), this.environment, signal);
    } catch (error) {
      this.authenticating = undefined;
      throw error;
    }
  }

  async examine(rooms: readonly string[], signal: AbortSignal): Promise<Finding[]> {
    if (this.account) return await examine(this.requests, this.rooms, this.account, rooms, signal);
    // The bot may be running elsewhere, and a login on its device would end its session: use a temporary one.
    const requests = new Requests(this.options.homeserver, this.environment.longestRequestMs);
    try {
      const account = await openAccount(
        requests,
        withTemporaryDevice(this.options, 'DOCTOR'),
        this.environment,
        signal,
      );
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
    await Memberships.restore({ rooms, state });
    const memberships = new Memberships({
      ...{ rooms, host, state, signal, userId: account.userId },
      inBackground: (work) => void this.work.push(work),
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
        onLeft: (room) => memberships.removed(room),
        onMaybeMoved: (room) => memberships.recheck(room),
        onRedacted: (id) => this.redacted(id),
      },
      signal,
    );
    // Before anything is received: events have room ids, and the core must know which address each belongs to.
    const missing = await memberships.find();
    signal.throwIfAborted();
    this.memberships = memberships;
    host.state(true);
    this.work.push(receiver.run(signal), memberships.maintain(missing));
  }

  private redacted(id: string): void {
    this.gone.add(id);
    for (const oldest of this.gone) {
      if (this.gone.size <= MAX_GONE) break;
      this.gone.delete(oldest);
    }
  }
}
