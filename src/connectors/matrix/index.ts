import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { Message } from '../../chat/message.ts';
import type {
  Connector,
  ConnectorEnvironment,
  ConnectorHost,
  ConnectorLimits,
  Conversation,
  Finding,
  Member,
  Operation,
  Part,
  RenderOptions,
} from '../connector.ts';
import { openAccount } from './account.ts';
import type { Account } from './account.ts';
import type { Batch } from './batch.ts';
import { members, openDirect } from './conversations.ts';
import type { Speaking } from './conversations.ts';
import { examine } from './examine.ts';
import type { MatrixOptions } from './options.ts';
import { classified, perform } from './perform.ts';
import { Receiver } from './receiver.ts';
import { MAX_BYTES, renderMatrix } from './render.ts';
import { isMatrixFailure, Requests } from './requests.ts';
import { Rooms, roomTrouble } from './rooms.ts';
import { Taps } from './taps.ts';

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

/** How often rooms that could not be found or joined are looked at again. */
const TEND_EVERY_MS = 30_000;
const GONE_KEPT = 2_000;

class MatrixConnector implements Connector {
  readonly limits: ConnectorLimits;
  private readonly options: MatrixOptions;
  private readonly environment: ConnectorEnvironment;
  private readonly requests: Requests;
  private readonly gone = new Set<string>();
  private rooms: Rooms;
  private account: Account | undefined;
  private visiting: Promise<Account> | undefined;
  private host: ConnectorHost | undefined;
  private running: AbortController | undefined;
  private work: Promise<unknown>[] = [];

  constructor(options: MatrixOptions, environment: ConnectorEnvironment) {
    this.options = options;
    this.environment = environment;
    this.requests = new Requests(options.homeserver);
    this.rooms = new Rooms(this.requests);
    this.limits = {
      maxBytes: MAX_BYTES,
      edits: true,
      deletes: true,
      actions: 'reactions',
      threads: true,
      rate: options.rate,
      keyWindowMs: 24 * 3_600_000,
      remote: true,
    };
  }

  async start(host: ConnectorHost): Promise<void> {
    const running = new AbortController();
    this.running = running;
    this.host = host;
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
      host: this.host,
      userId: this.account?.userId ?? 'the bot',
      isGone: (id: string) => this.gone.has(id),
    };
    return perform(by, operation, signal);
  }

  members(room: string, signal: AbortSignal): Promise<readonly Member[]> {
    return this.speaking('members', room, signal, (by) => members(by, room, signal));
  }

  openDirect(conversation: Conversation, signal: AbortSignal): Promise<string> {
    const { uuid } = conversation;
    return this.speaking('open', `the conversation ${uuid}`, signal, (by) => openDirect(by, conversation, signal));
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
      return [{ ok: false, what: 'token', says: messageOf(error) }];
    } finally {
      requests.close();
    }
  }

  private async open(host: ConnectorHost, signal: AbortSignal): Promise<void> {
    const account = await openAccount(this.requests, this.options, this.environment, signal);
    this.account = account;
    this.rooms = new Rooms(this.requests);
    // Before anything is received: an event carries the room's id, and the core must know which address that is.
    const missing = await this.resolveRooms(host, signal);
    const receiver = await Receiver.open(
      {
        requests: this.requests,
        rooms: this.rooms,
        taps: await Taps.load(this.environment.state),
        myself: account,
        log: host.log,
        failing: new Map(),
        host,
        state: this.environment.state,
        onInvite: (invite) => this.invited(invite, host, signal),
        onLeft: (room) => void this.left.add(room),
        onRedacted: (id) => this.redacted(id),
      },
      signal,
    );
    signal.throwIfAborted();
    host.state(true);
    this.work.push(receiver.run(signal), this.tend(host, missing, signal));
  }

  /** Rooms we were put out of: not entered again without an invitation. */
  private readonly left = new Set<string>();

  private redacted(id: string): void {
    this.gone.add(id);
    for (const oldest of this.gone) {
      if (this.gone.size <= GONE_KEPT) break;
      this.gone.delete(oldest);
    }
  }

  /** Finds the ids of configured addresses; resolves to the troubles with those that have none. Other failures are thrown: then nothing works yet. */
  private async resolveRooms(host: ConnectorHost, signal: AbortSignal): Promise<Map<string, string>> {
    const missing = new Map<string, string>();
    for (const written of host.rooms()) {
      await this.rooms.resolve(written, host, signal).catch((error: unknown) => {
        const trouble =
          roomTrouble(error, written, this.account?.userId ?? 'the bot') ??
          (isMatrixFailure(error) && error.status === 400 ? error.detail : undefined);
        if (trouble === undefined) throw error;
        missing.set(written, trouble);
      });
    }
    return missing;
  }

  /** Enters the configured rooms that it may enter, now and as long as some are missing, and tells once of each that it cannot. */
  private async tend(host: ConnectorHost, missing: Map<string, string>, signal: AbortSignal): Promise<void> {
    const told = new Set<string>();
    try {
      for (const [written, trouble] of missing) {
        told.add(written);
        await host.membership(written, 'left', trouble);
      }
      for (;;) {
        for (const written of host.rooms()) await this.enter(written, host, told, signal);
        await sleep(TEND_EVERY_MS, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted)
        host.log.error({ reason: messageOf(error) }, 'configured rooms are not looked after any more');
    }
  }

  private async enter(written: string, host: ConnectorHost, told: Set<string>, signal: AbortSignal): Promise<void> {
    try {
      const id = await this.rooms.resolve(written, host, signal);
      if (this.rooms.isJoined(id) || this.left.has(id)) return;
      await this.rooms.join(written, signal);
      told.delete(written);
    } catch (error) {
      if (signal.aborted) throw error;
      const trouble = roomTrouble(error, written, this.account?.userId ?? 'the bot');
      if (trouble === undefined)
        return host.log.warn({ room: written, reason: messageOf(error) }, 'room could not be entered, trying again');
      if (told.has(written)) return;
      await host.membership(this.rooms.known(written) ?? written, 'left', trouble).then(
        () => told.add(written),
        (failure: unknown) =>
          host.log.warn({ room: written, reason: messageOf(failure) }, 'could not tell about a room'),
      );
    }
  }

  private invited(invite: Batch['invites'][number], host: ConnectorHost, signal: AbortSignal): void {
    // Beside the loop, which must not wait for it. Where it fails, `tend` tries again.
    this.work.push(
      this.accept(invite, host, signal).catch((error: unknown) => {
        if (!signal.aborted)
          host.log.warn(
            { room: invite.room, reason: messageOf(error) },
            'invitation could not be accepted, trying again',
          );
      }),
    );
  }

  private async accept(
    { room, aliases }: Batch['invites'][number],
    host: ConnectorHost,
    signal: AbortSignal,
  ): Promise<void> {
    let configured = host.isConfigured(room);
    // Whoever invites may write any address into the invitation: only the directory says whose it is.
    for (const alias of aliases) {
      if (configured || !host.isConfigured(alias)) continue;
      configured = (await this.rooms.resolve(alias, host, signal)) === room;
    }
    if (!configured) return host.log.info({ room, aliases }, 'invitation to a room that is not configured, ignored');
    this.left.delete(room);
    await this.rooms.join(room, signal);
  }
}
