import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf, messageOf } from '../../errors.ts';
import type { ConnectorHost } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { CatchUp } from './catch-up.ts';
import { classified, lockedOut } from './failures.ts';
import { identify } from './identity.ts';
import { readEvent, type ParsedEvent, type Reading } from './incoming.ts';
import { Inbox, type Arrival } from './inbox.ts';
import { readCommand, readPress } from './interactions.ts';
import { Progress } from './progress.ts';
import { Socket, type Envelope } from './socket.ts';
import type { Transport } from './transport.ts';

/** Slack shows a press as failed after three seconds. */
const ACKNOWLEDGE_MS = 2_500;
/** For events over HTTP: how often the account is checked. Every fifth time, events that Slack gave up posting are caught up. */
const CHECK_MS = 60_000;
const CHECKS_PER_CATCH_UP = 5;

const placed = z.looseObject({
  channel: z.string().optional().catch(undefined),
  item: z.looseObject({ channel: z.string() }).optional().catch(undefined),
});
const callback = z.looseObject({ event: z.unknown().optional() });

export interface ListenerOptions {
  readonly host: ConnectorHost;
  readonly api: SlackApi;
  readonly apiUrl: string;
  /** Undefined: events arrive over HTTP. */
  readonly appToken: string | undefined;
  readonly slashCommand: string | undefined;
  readonly transport: Transport;
  readonly reading: Reading;
  readonly onWorkspaceEvent: (event: ParsedEvent) => void;
  readonly longestRequestMs: number | undefined;
  readonly signal: AbortSignal;
}

/** Receives events while the connector runs, and catches up on missed ones. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #progress: Progress;
  readonly #inbox: Inbox;
  readonly #catchUp: CatchUp;
  readonly #socket: Socket | undefined;

  constructor(options: ListenerOptions) {
    const { host, api, reading, appToken } = options;
    this.#options = options;
    this.#progress = Progress.of(host.cursor, api.now());
    this.#inbox = new Inbox({
      host,
      progress: this.#progress,
      onWorkspaceEvent: (event) => this.#handleWorkspaceEvent(event),
    });
    this.#catchUp = new CatchUp({ api, host, reading, inbox: this.#inbox, progress: this.#progress });
    this.#socket = appToken === undefined ? undefined : this.#createSocket(appToken);
    if (host.cursor !== null) this.#catchUp.begin();
  }

  #createSocket(appToken: string): Socket {
    const { host, apiUrl, transport, signal, longestRequestMs } = this.#options;
    return new Socket({
      ...{ apiUrl, appToken, transport, signal, log: host.log, connectMs: longestRequestMs },
      onEnvelope: (envelope) => this.#receive(envelope),
      onGap: () => this.#catchUp.begin(),
      onOpen: () => {
        host.state(true);
        this.#catchUp.request();
      },
      onDown: (reason) => host.state(false, reason),
    });
  }

  /** Resolves once connected. @throws the contract's errors. */
  async open(): Promise<void> {
    await this.#socket?.open();
  }

  /** Runs until the signal aborts, or until a failure that needs a new start. */
  async run(): Promise<void> {
    const { host, signal } = this.#options;
    try {
      host.state(true);
      if (host.cursor === null) await this.#inbox.offer([], signal);
      else this.#catchUp.request();
      await Promise.all([
        this.#inbox.run(signal),
        this.#catchUp.run(signal),
        this.#socket?.keep() ?? this.#checkPeriodically(),
      ]);
    } catch (error) {
      if (signal.aborted) return;
      const failure = classified(error);
      host.state(false, messageOf(failure));
      host.failed(failure);
    } finally {
      await this.#socket?.close();
    }
  }

  #receive({ type, body, acknowledge }: Envelope): void {
    const { host, reading, slashCommand } = this.#options;
    const at = host.now();
    const press = (read: Arrival['read']): Arrival => ({
      ...{ room: undefined, read, acknowledge, untilMs: performance.now() + ACKNOWLEDGE_MS },
    });
    const toParsed = (event: Extract<ParsedEvent, { type: 'event' }>['event'] | undefined): ParsedEvent =>
      event ? { type: 'event', event } : { type: 'nothing' };
    if (type === 'interactive') this.#inbox.take(press(async () => toParsed(await readPress(body, reading, at))));
    else if (type === 'slash_commands')
      this.#inbox.take(press(async () => toParsed(await readCommand(body, slashCommand, reading, at))));
    else {
      const event = callback.safeParse(body).data?.event;
      const place = placed.safeParse(event).data;
      const room = place?.channel ?? place?.item?.channel;
      this.#inbox.take({ room, acknowledge, read: () => readEvent(event, reading) });
    }
  }

  #handleWorkspaceEvent(event: ParsedEvent): void {
    const { host, onWorkspaceEvent } = this.#options;
    if (event.type === 'locked out') host.failed(lockedOut(event.why));
    else onWorkspaceEvent(event);
  }

  /** For events over HTTP, which reach any replica: only those that Slack gave up posting are missing. */
  async #checkPeriodically(): Promise<void> {
    const { host, api, signal } = this.#options;
    for (let looks = 1; !signal.aborted; looks++) {
      await sleep(CHECK_MS, undefined, { signal });
      try {
        await identify(api, signal);
        host.state(true);
        if (looks % CHECKS_PER_CATCH_UP === 0) this.#catchUp.request();
      } catch (error) {
        const failure = classified(error);
        if (codeOf(failure) === 'WB_UNAUTHORISED') throw failure;
        host.state(false, messageOf(failure));
      }
    }
  }
}
