import { z } from 'zod';
import { codeOf, messageOf } from '../../errors.ts';
import type { ConnectorHost } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { historyMessage, readMessage, type ParsedEvent, type HistoryMessage, type Reading } from './incoming.ts';
import type { Inbox } from './inbox.ts';
import { retry } from './retry.ts';
import type { Progress } from './progress.ts';

const PAGE = 200;
/** Per room; older messages are skipped. */
const MAX_PAGES = 25;
const MAX_THREADS = 50;
const MAX_BATCH = 100;

const more = z.looseObject({ next_cursor: z.string().default('') }).optional();
const rooms = z.looseObject({ channels: z.array(z.looseObject({ id: z.string() })), response_metadata: more });
const history = z.looseObject({
  messages: z.array(historyMessage.extend({ latest_reply: z.string().optional() })),
  response_metadata: more,
});

export interface CatchUpOptions {
  readonly api: SlackApi;
  readonly host: ConnectorHost;
  readonly inbox: Inbox;
  readonly progress: Progress;
  readonly reading: Reading;
}

/** Reads what was missed while there was no connection from the history of each room that the bot is in. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #wanted = Promise.withResolvers<void>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** From now on messages may be missing; new arrivals wait. */
  begin(): void {
    this.#options.progress.hold();
    this.#options.inbox.park('all');
  }

  /** Connected again: whatever was missed is in the history by now. */
  request(): void {
    this.#wanted.resolve();
  }

  /** Runs until the signal aborts. @throws {Unauthorised} */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wanted.resolve(), { once: true });
    const { inbox, progress } = this.#options;
    while (!signal.aborted) {
      await this.#wanted.promise;
      if (signal.aborted) return;
      this.#wanted = Promise.withResolvers();
      const { from } = progress;
      const left = new Set(await this.#rooms(signal));
      inbox.park(left);
      while (left.size > 0) {
        const room = this.#next(left);
        await this.#room(room, from, signal);
        left.delete(room);
        inbox.release(room);
      }
      progress.release();
      await inbox.offer([], signal);
    }
  }

  /** Rooms with waiting arrivals first, then configured rooms. */
  #next(left: ReadonlySet<string>): string {
    const { inbox, host } = this.#options;
    const all = [...left];
    return all.find((room) => inbox.isAwaited(room)) ?? all.find((room) => host.isConfigured(room)) ?? all[0] ?? '';
  }

  async #rooms(signal: AbortSignal): Promise<readonly string[]> {
    const { api, host } = this.#options;
    const found: string[] = [];
    const given = { types: 'public_channel,private_channel,mpim,im', exclude_archived: true, limit: PAGE };
    try {
      for (let cursor: string | undefined; cursor !== '';) {
        const at = cursor;
        const page = await this.#ask(
          () => api.call('users.conversations', { ...given, cursor: at }, rooms, signal),
          signal,
        );
        found.push(...page.channels.map(({ id }) => id));
        cursor = page.response_metadata?.next_cursor ?? '';
      }
      return found;
    } catch (error) {
      if (codeOf(error) !== 'WB_REJECTED') throw error;
      host.log.warn(
        { reason: messageOf(error) },
        'could not list the rooms that the bot is in; only the configured ones are caught up',
      );
      return host.rooms();
    }
  }

  async #room(room: string, from: string, signal: AbortSignal): Promise<void> {
    const { host, inbox, reading } = this.#options;
    try {
      const missed = await this.#missed(room, from, signal);
      for (let at = 0; at < missed.length; at += MAX_BATCH) {
        const parsed: ParsedEvent[] = [];
        for (const message of missed.slice(at, at + MAX_BATCH))
          parsed.push(await this.#ask(() => readMessage(message, room, reading), signal));
        await inbox.offer(parsed, signal);
      }
    } catch (error) {
      if (codeOf(error) !== 'WB_REJECTED') throw error;
      host.log.warn({ room, reason: messageOf(error) }, 'could not catch up on a room');
    }
  }

  /** Oldest first. Messages from before the bot joined are skipped. */
  async #missed(room: string, from: string, signal: AbortSignal): Promise<readonly HistoryMessage[]> {
    const found = new Map<string, HistoryMessage>();
    const threads: string[] = [];
    const isNew = (ts: string): boolean => Number(ts) > Number(from);
    const given = { channel: room, limit: PAGE, include_all_metadata: true };
    await this.#pages('conversations.history', given, signal, (messages) => {
      for (const message of messages) {
        if (isNew(message.ts)) found.set(message.ts, message);
        if (message.latest_reply !== undefined && isNew(message.latest_reply)) threads.push(message.ts);
      }
      return messages.every(({ ts }) => isNew(ts));
    });
    for (const thread of threads.slice(0, MAX_THREADS))
      await this.#pages('conversations.replies', { ...given, ts: thread, oldest: from }, signal, (messages) => {
        for (const message of messages) if (isNew(message.ts)) found.set(message.ts, message);
        return true;
      });
    const sorted = [...found.values()].toSorted((one, other) => Number(one.ts) - Number(other.ts));
    const { userId } = this.#options.reading.me;
    const joined = sorted.findLastIndex(
      ({ subtype, user }) => user === userId && /^(channel|group)_join$/.test(subtype ?? ''),
    );
    return sorted.slice(joined + 1);
  }

  /** Reads pages until `wantsMore` returns false. */
  async #pages(
    method: string,
    given: object,
    signal: AbortSignal,
    wantsMore: (messages: z.infer<typeof history>['messages']) => boolean,
  ): Promise<void> {
    let cursor: string | undefined;
    for (let count = 0; count < MAX_PAGES; count++) {
      const at = cursor;
      const page = await this.#ask(
        () => this.#options.api.call(method, { ...given, cursor: at }, history, signal),
        signal,
      );
      cursor = page.response_metadata?.next_cursor ?? '';
      if (!wantsMore(page.messages) || cursor === '') return;
    }
    this.#options.host.log.warn({ method }, 'too many missed messages; the oldest are skipped');
  }

  /** Retries until Slack answers. @throws {Rejected} {Unauthorised} */
  async #ask<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { log } = this.#options.host;
    const onFailure = (error: unknown): void =>
      log.warn({ reason: messageOf(error) }, 'could not read the history, retrying');
    const answer = await retry(async () => ({ done: await work() }), { signal, onFailure });
    if (!answer) throw new Error('the history was not read in time');
    return answer.done;
  }
}
