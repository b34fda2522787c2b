import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { Unauthorised } from '../connector.ts';
import type { ConnectorEnvironment, ConnectorHost, JsonObject } from '../connector.ts';
import { Backoff } from './backoff.ts';
import { entries, isEncryption, list, recordUpgrades, readSync, SNAPSHOT_FILTER, SYNC_FILTER } from './batch.ts';
import type { Batch, Notice, Reading } from './batch.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';

const SYNC_PATH = '/_matrix/client/v3/sync';
const LONG_POLL_MS = 30_000;
/** Pause after a batch with nothing but echoes; otherwise each send in a storm would cost a sync. */
const ECHO_PAUSE_MS = 10;
/** How often to store the cursor when there are no new events. */
const IDLE_COMMIT_MS = 5_000;
const ENCRYPTED_KEY = 'encrypted';

export interface ReceiverOptions extends Reading {
  readonly host: ConnectorHost;
  readonly state: ConnectorEnvironment['state'];
  readonly onInvite: (invite: Batch['invites'][number]) => void;
  readonly onLeft: (room: string) => void;
  readonly onMaybeMoved: (room: string) => void;
  readonly onRedacted: (id: string) => void;
}

/**
 * The /sync loop. The next request is made only after the host has stored the previous response and its cursor. (The SDK's loop
 * continues before that, and does not handle gaps.)
 */
export class Receiver {
  private readonly options: ReceiverOptions;
  private cursor: string;
  private committedAt: number;
  private up = true;
  private first: Batch | undefined;

  private constructor(options: ReceiverOptions, cursor: string) {
    this.options = options;
    this.cursor = cursor;
    // The first cursor is stored at once. An existing one must not be renewed before the missed events are received, because its age
    // tells the core how late they are.
    this.committedAt = options.host.cursor === null ? -Infinity : performance.now();
  }

  /**
   * Takes a snapshot of all rooms: members, encryption, invitations. Without a stored cursor, receiving starts from it; with one, its
   * position is not used, and the loop fetches what was missed.
   */
  static async open(options: ReceiverOptions, signal: AbortSignal): Promise<Receiver> {
    const { rooms, requests, host } = options;
    const sync = await requests.request('GET', SYNC_PATH, {
      query: { filter: SNAPSHOT_FILTER, timeout: 0 },
      signal,
      timeoutMs: 120_000,
    });
    rooms.recordAccountData(sync);
    const encrypted: Notice[] = [];
    for (const [room, entry] of entries(sync, 'join')) {
      rooms.setJoined(room, true);
      rooms.recordSummary(room, entry);
      const state = [...list(dig(entry, 'state', 'events')), ...list(dig(entry, 'timeline', 'events'))];
      recordUpgrades(rooms, room, state);
      if (state.some(isEncryption)) encrypted.push({ room, state: 'encrypted' });
    }
    const receiver = new Receiver(options, host.cursor ?? text(sync['next_batch']) ?? '');
    const invites =
      entries(sync, 'invite').length > 0
        ? (await readSync(options, { rooms: { invite: dig(sync, 'rooms', 'invite') ?? {} } }, '', signal)).invites
        : [];
    receiver.first = {
      ...{ events: [], echoes: [], notices: encrypted, invites, redacted: [], maybeMoved: [] },
      cursor: receiver.cursor,
    };
    return receiver;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(250, 60_000);
    try {
      if (this.first) await this.offer(this.first, signal);
      while (!signal.aborted) {
        const batch = await this.next(backoff, signal);
        if (!batch) continue;
        await this.offer(batch, signal);
        if (batch.echoes.length > 0 && batch.events.length === 0) await sleep(ECHO_PAUSE_MS, undefined, { signal });
      }
    } catch (error) {
      if (signal.aborted) return;
      // Only a locked account gets here; a restart, perhaps with a new token, can fix it.
      this.options.host.state(false, messageOf(error));
      this.options.host.failed(error);
    }
  }

  private async next(backoff: Backoff, signal: AbortSignal): Promise<Batch | undefined> {
    const { requests, host } = this.options;
    try {
      // After a failure, get a response at once rather than wait for an event, to see that the server is back.
      const query = {
        filter: SYNC_FILTER,
        since: this.cursor,
        timeout: this.up ? requests.longPollMs(LONG_POLL_MS) : 0,
      };
      const sync: JsonObject = await requests.request('GET', SYNC_PATH, {
        query,
        signal,
        timeoutMs: LONG_POLL_MS + 15_000,
      });
      const batch = await readSync(this.options, sync, this.cursor, signal);
      if (!this.up) host.state(true);
      this.up = true;
      backoff.reset();
      return batch;
    } catch (error) {
      if (signal.aborted) throw error;
      if (isMatrixFailure(error) && error.status === 401)
        throw new Unauthorised(
          `the homeserver no longer accepts the bot's access token (${error.errcode ?? 401}): replace it`,
          error,
        );
      if (this.up) {
        host.log.warn({ reason: messageOf(error) }, 'homeserver cannot be reached; retrying');
        host.state(false, messageOf(error));
      }
      this.up = false;
      await backoff.wait(signal, isMatrixFailure(error) ? error.retryAfterMs : undefined);
      return undefined;
    }
  }

  /** Offers a batch to the host until it is stored: reactions and echoes first, then events with the cursor, then notices about rooms. */
  private async offer(batch: Batch, signal: AbortSignal): Promise<void> {
    const { host, reactions, onInvite, onLeft, onMaybeMoved, onRedacted } = this.options;
    const backoff = new Backoff(50, 5_000);
    for (const id of batch.redacted) onRedacted(id);
    const notices = [...batch.notices];
    for (let stored = false; !stored;) {
      signal.throwIfAborted();
      try {
        await reactions.save();
        for (const { key, remoteId } of batch.echoes) await host.echo(key, remoteId);
        await this.store(batch);
        for (let notice = notices[0]; notice; notice = notices[0]) {
          await this.report(notice);
          notices.shift();
        }
        stored = true;
      } catch (error) {
        host.log.warn({ reason: messageOf(error), events: batch.events.length }, 'batch could not be stored; retrying');
        await backoff.wait(signal);
      }
    }
    for (const { room, state } of batch.notices) if (state === 'left') onLeft(room);
    for (const room of batch.maybeMoved) onMaybeMoved(room);
    for (const invite of batch.invites) onInvite(invite);
  }

  private async store(batch: Batch): Promise<void> {
    const { host } = this.options;
    const now = performance.now();
    if (batch.events.length > 0 || now - this.committedAt >= IDLE_COMMIT_MS) {
      await host.receive(batch.events, batch.cursor);
      this.committedAt = now;
    }
    this.cursor = batch.cursor;
  }

  /** Reports a notice. That a room is encrypted is reported only once, not at each start. */
  private async report({ room, state, detail }: Notice): Promise<void> {
    const { host, state: memory } = this.options;
    if (state !== 'encrypted') return await host.membership(room, state, detail);
    const known = await memory.get(ENCRYPTED_KEY);
    const reported = Array.isArray(known) ? known : [];
    if (reported.includes(room)) return;
    await host.membership(room, 'encrypted', 'the room is encrypted: messages in it cannot be read');
    await memory.set(ENCRYPTED_KEY, [...reported, room]);
  }
}
