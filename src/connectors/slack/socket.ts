import { setTimeout as sleep } from 'node:timers/promises';
import { SocketModeClient } from '@slack/socket-mode';
import { codeOf, messageOf } from '../../errors.ts';
import type { ConnectorLog, RateLimited } from '../connector.ts';
import { classified } from './failures.ts';
import { SILENT } from './logger.ts';
import { pauseMs } from './retry.ts';
import type { Transport } from './transport.ts';

/** From the request for an address until Slack's hello. */
const CONNECT_MS = 15_000;
/** How long Slack has to confirm a close. */
const CLOSE_MS = 300;

/** A message from Socket Mode. */
export interface Envelope {
  readonly type: string;
  readonly body: unknown;
  /** Sent over the current connection, which may be newer than the one it arrived on. */
  readonly acknowledge: () => Promise<void>;
}

export interface SocketOptions {
  readonly apiUrl: string;
  readonly appToken: string;
  readonly transport: Transport;
  readonly log: ConnectorLog;
  readonly onEnvelope: (envelope: Envelope) => void;
  /** Called when the connection is lost, before reconnecting. */
  readonly onGap: () => void;
  /** Called once reconnected. */
  readonly onOpen: () => void;
  /** Called with each failure to reconnect. */
  readonly onDown: (reason: string) => void;
  /** Default 15,000. */
  readonly connectMs?: number | undefined;
  /** Closes the connection for good. */
  readonly signal: AbortSignal;
}

/** The SDK parses messages in an async listener without handling its rejections: an unreadable one would end the process. */
class Client extends SocketModeClient {
  onUnreadable: (error: unknown) => void = () => {};

  protected override async onWebSocketMessage(data: string | ArrayBuffer, isBinary: boolean): Promise<void> {
    try {
      await super.onWebSocketMessage(data, isBinary);
    } catch (error) {
      this.onUnreadable(error);
    }
  }
}

/**
 * A Socket Mode connection that reconnects whenever it ends. The SDK's own reconnection waits for seconds in which nothing can be
 * acknowledged, and throws an unhandled error when the token is rejected.
 */
export class Socket {
  readonly #options: SocketOptions;
  readonly #client: Client;
  #gone = Promise.withResolvers<void>();

  constructor(options: SocketOptions) {
    this.#options = options;
    const { apiUrl, appToken, transport, log, onEnvelope, signal, connectMs = CONNECT_MS } = options;
    this.#client = new Client({
      appToken,
      logger: SILENT,
      autoReconnectEnabled: false,
      ...(transport.proxy && { dispatcher: transport.proxy }),
      clientOptions: {
        slackApiUrl: apiUrl,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        fetch: (url, init) =>
          transport.fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(connectMs)]) }),
      },
    });
    this.#client.onUnreadable = (error) =>
      log.warn({ reason: messageOf(error) }, 'could not read a message from Slack');
    this.#client.on('disconnected', () => this.#gone.resolve());
    this.#client.on('slack_event', (envelope: { type: string; body: unknown; ack: () => Promise<void> }) =>
      onEnvelope({ type: envelope.type, body: envelope.body, acknowledge: () => envelope.ack() }),
    );
  }

  /** Resolves at Slack's hello. @throws the contract's errors. */
  async open(): Promise<void> {
    const { signal, connectMs = CONNECT_MS } = this.#options;
    this.#gone = Promise.withResolvers();
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(connectMs)]);
    const end = Promise.withResolvers<never>();
    const stop = (): void => end.reject(deadline.reason);
    deadline.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      const opening = this.#client.start();
      opening.catch(() => {});
      await Promise.race([opening, end.promise]);
    } catch (error) {
      await this.close();
      signal.throwIfAborted();
      throw classified(error ?? new Error('Slack closed the connection'));
    } finally {
      deadline.removeEventListener('abort', stop);
    }
  }

  /** Keeps the connection until the signal aborts. @throws {Unauthorised} */
  async keep(): Promise<void> {
    const { signal, onGap, onOpen } = this.#options;
    const stop = (): void => this.#gone.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      await this.#gone.promise;
      if (signal.aborted) break;
      onGap();
      await this.#reopen();
      onOpen();
    }
  }

  async #reopen(): Promise<void> {
    const { signal, onDown, log } = this.#options;
    for (let failures = 0; ; failures++)
      try {
        return await this.open();
      } catch (error) {
        signal.throwIfAborted();
        if (codeOf(error) === 'WB_UNAUTHORISED') throw error;
        log.warn({ reason: messageOf(error) }, 'could not connect to Slack, retrying');
        onDown(messageOf(error));
        const leastMs = codeOf(error) === 'WB_RATE_LIMITED' ? (error as RateLimited).retryAfterMs : 0;
        await sleep(Math.max(leastMs, pauseMs(failures, 100, 30_000)), undefined, { signal });
      }
  }

  /** Closes the connection, and waits only briefly for Slack to confirm. */
  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#client.once('disconnected', () => closed.resolve());
    void this.#client.disconnect();
    const timer = setTimeout(() => void this.#client.disconnect(), CLOSE_MS);
    const longest = setTimeout(() => closed.resolve(), 2 * CLOSE_MS);
    await closed.promise;
    clearTimeout(timer);
    clearTimeout(longest);
  }
}
