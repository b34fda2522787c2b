import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { Unauthorised } from '../connector.ts';
import type { ConnectorEnvironment, ConnectorHost, JsonObject } from '../connector.ts';
import { Backoff } from './backoff.ts';
import { entries, isEncryption, list, noteMoves, readSync, SNAPSHOT_FILTER, SYNC_FILTER } from './batch.ts';
import type { Batch, Notice, Reading } from './batch.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';

const SYNC_PATH = '/_matrix/client/v3/sync';
const LONG_POLL_MS = 30_000;
/** A batch with nothing but our own echoes: the next look waits this long, or each send of a storm would cost a sync. */
const ECHO_PAUSE_MS = 10;
/** How often a cursor is stored that has moved over nothing new. */
const IDLE_COMMIT_MS = 5_000;
const ENCRYPTED_KEY = 'encrypted';

export interface ReceiverOptions extends Reading {
  readonly host: ConnectorHost;
  readonly state: ConnectorEnvironment['state'];
  readonly onInvite: (invite: Batch['invites'][number]) => void;
  readonly onLeft: (room: string) => void;
  readonly onSuspect: (room: string) => void;
  readonly onRedacted: (id: string) => void;
}

/**
 * The own loop over /sync: the next request is made only after the host has stored what the last one brought, together
 * with the cursor behind it. (The SDK's loop moves on first and knows no gaps.)
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
    // The first cursor is stored at once. One from before must not be stored anew until what was missed has come: its
    // age tells the core how late that is.
    this.committedAt = options.host.cursor === null ? -Infinity : performance.now();
  }

  /**
   * Looks once at all rooms: who is in them, which are encrypted, invitations. Without a stored cursor this is where
   * listening begins; with one, its position is not used and what was missed comes by the loop.
   */
  static async open(options: ReceiverOptions, signal: AbortSignal): Promise<Receiver> {
    const { rooms, requests, host } = options;
    const sync = await requests.request('GET', SYNC_PATH, {
      query: { filter: SNAPSHOT_FILTER, timeout: 0 },
      signal,
      timeoutMs: 120_000,
    });
    rooms.noteAccountData(sync);
    const encrypted: Notice[] = [];
    for (const [room, entry] of entries(sync, 'join')) {
      rooms.setJoined(room, true);
      rooms.noteSummary(room, entry);
      const state = [...list(dig(entry, 'state', 'events')), ...list(dig(entry, 'timeline', 'events'))];
      noteMoves(rooms, room, state);
      if (state.some(isEncryption)) encrypted.push({ room, state: 'encrypted' });
    }
    const receiver = new Receiver(options, host.cursor ?? text(sync['next_batch']) ?? '');
    const invites =
      entries(sync, 'invite').length > 0
        ? (await readSync(options, { rooms: { invite: dig(sync, 'rooms', 'invite') ?? {} } }, '', signal)).invites
        : [];
    receiver.first = {
      ...{ events: [], echoes: [], notices: encrypted, invites, redacted: [], suspects: [] },
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
      // Only a locked account gets here: a new start, perhaps with a new token, can mend it.
      this.options.host.state(false, messageOf(error));
      this.options.host.failed(error);
    }
  }

  private async next(backoff: Backoff, signal: AbortSignal): Promise<Batch | undefined> {
    const { requests, host } = this.options;
    try {
      // After a failure the first answer must not wait for an event: it says that the server is back.
      const query = { filter: SYNC_FILTER, since: this.cursor, timeout: this.up ? LONG_POLL_MS : 0 };
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
          `the homeserver does not take the bot's access token any more (${error.errcode ?? 401}): put a new one in place`,
          error,
        );
      if (this.up) {
        host.log.warn({ reason: messageOf(error) }, 'the homeserver cannot be read, trying again');
        host.state(false, messageOf(error));
      }
      this.up = false;
      await backoff.wait(signal, isMatrixFailure(error) ? error.retryAfterMs : undefined);
      return undefined;
    }
  }

  /** Hands a batch to the host until it is stored: taps and echoes first, then the events with the cursor, then the news about rooms. */
  private async offer(batch: Batch, signal: AbortSignal): Promise<void> {
    const { host, reactions, onInvite, onLeft, onSuspect, onRedacted } = this.options;
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
          await this.tell(notice);
          notices.shift();
        }
        stored = true;
      } catch (error) {
        host.log.warn(
          { reason: messageOf(error), events: batch.events.length },
          'a batch could not be stored, it is offered again',
        );
        await backoff.wait(signal);
      }
    }
    for (const { room, state } of batch.notices) if (state === 'left') onLeft(room);
    for (const room of batch.suspects) onSuspect(room);
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

  /** That a room is encrypted is told once for ever, not at each start. */
  private async tell({ room, state, detail }: Notice): Promise<void> {
    const { host, state: memory } = this.options;
    if (state !== 'encrypted') return await host.membership(room, state, detail);
    const known = await memory.get(ENCRYPTED_KEY);
    const told = Array.isArray(known) ? known : [];
    if (told.includes(room)) return;
    await host.membership(room, 'encrypted', 'the room is encrypted: nothing said in it can be read');
    await memory.set(ENCRYPTED_KEY, [...told, room]);
  }
}
