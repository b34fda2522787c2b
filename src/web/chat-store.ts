import pLimit from 'p-limit';
import type { Accept } from '../connections/accept-routes.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { Database } from '../db/database.ts';
import type { Rooms } from '../registry/registry.ts';
import { insertLine, readExcerpt, readHeads, readLines, type LinesOf } from './lines.ts';
import { RoomWatch } from './room-watch.ts';
import { ACCOUNT } from './web-chat.ts';
import type { Following, WebChat, WebPress, WebReader, WebRoom, WebSend } from './web-chat.ts';

/** Commits of other replicas are found by polling; NOTIFY only makes that faster. */
const POLL_EVERY_MS = 1000;
/** Excerpts are the largest reads here: many pages that open at once must not exhaust the memory or the pool. */
const EXCERPTS_AT_ONCE = 4;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface StoredWebChat extends WebChat {
  /** Call this when the content of a room changed. */
  changed(room: string): void;
  close(): void;
}

export interface WebChatOptions {
  readonly database: Database;
  readonly now: () => Date;
  readonly rooms: () => Rooms;
  /** Name of the web connector. */
  readonly connector: () => string;
  readonly accept: Accept;
}

/** The web chat, for the readers of this replica. */
export function createWebChat({ database, now, rooms, connector, accept }: WebChatOptions): StoredWebChat {
  const watched = new Map<string, RoomWatch>();
  const reading = pLimit(EXCERPTS_AT_ONCE);
  const timer = setInterval(() => {
    for (const watch of watched.values()) watch.poll();
  }, POLL_EVERY_MS);
  timer.unref();

  const linesOf = (room: string): LinesOf => ({ connector: connector(), room, account: ACCOUNT });

  function watchOf(room: string): RoomWatch {
    const known = watched.get(room);
    if (known) return known;
    const watch = new RoomWatch({
      readHeads: () => readHeads(database.query, linesOf(room)),
      readLines: (ids) => readLines(database.query, linesOf(room), ids),
    });
    watched.set(room, watch);
    return watch;
  }

  return {
    rooms: (): WebRoom[] =>
      rooms()
        .all()
        .flatMap((room) =>
          room.addresses
            .filter((address) => address.connector === connector())
            .map((address) => ({ id: address.room, name: room.name })),
        ),

    async follow(room: string, reader: WebReader): Promise<Following> {
      const watch = watchOf(room);
      const added = watch.add(reader);
      const stop = (): void => {
        added.remove();
        if (!watch.isWatched && watched.get(room) === watch) watched.delete(room);
      };
      try {
        const { heads, ...excerpt } = await reading(() => readExcerpt(database.query, linesOf(room)));
        added.begin(heads);
        return { excerpt, stop, more: () => watch.poll() };
      } catch (error) {
        stop();
        throw error;
      }
    },

    async earlier(room: string, before: number) {
      const { lines, earlier } = await reading(() => readExcerpt(database.query, linesOf(room), before));
      return { lines, earlier };
    },

    async send(room: string, line: WebSend): Promise<'accepted' | 'taken'> {
      const { id, text, sender } = line;
      // Ignore an id that cannot be that of a line.
      const replyTo = UUID.test(line.replyTo ?? '') ? line.replyTo : undefined;
      const event: IncomingEvent = {
        ...{ type: 'message', id, room, direct: false, sender, at: now(), text, mentionsBot: true },
        ...(replyTo !== undefined && { replyTo }),
      };
      const stored = {
        ...{ id, connector: connector(), room, account: sender.accountId, name: sender.name },
        ...{ text: text.replaceAll('\u0000', ''), replyTo: replyTo ?? null },
      };
      let outcome = 'repeat';
      await accept(connector(), [event], async (query) => (outcome = await insertLine(query, stored)) === 'new');
      if (outcome === 'taken') return 'taken';
      watched.get(room)?.poll();
      return 'accepted';
    },

    async press(room: string, { id, pressed, sender }: WebPress): Promise<void> {
      // A page generates ids of lines and presses independently; without a prefix, an equal id would suppress the later one.
      const event = {
        type: 'interaction',
        id: `press ${id}`,
        room,
        direct: false,
        sender,
        at: now(),
        press: pressed,
      } as const;
      await accept(connector(), [event]);
    },

    changed(room: string): void {
      watched.get(room)?.poll();
    },

    close(): void {
      clearInterval(timer);
    },
  };
}
