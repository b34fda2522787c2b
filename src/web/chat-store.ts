import type { Message } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import { insertEvents, type Accepted } from '../dispatch/event.ts';
import type { World } from '../dispatch/world.ts';
import type { WebChat, WebLine, WebPress, WebRoom, WebSend } from './web-chat.ts';

const HISTORY = 200;
/** Another replica's commits are found by looking; its NOTIFY only makes that faster. */
const LOOK_EVERY_MS = 1000;
const ARRIVALS_WITHIN_MS = 60_000;
/** What was further away, or planned before this program began. */
const LOOKS_AN_ARRIVAL = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface StoredWebChat extends WebChat {
  /** Something was committed in this room; `notBefore`: to be shown then. */
  changed(room: string, notBefore: Date | null): void;
  close(): void;
}

export interface WebChatOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly world: () => World;
  readonly onAccepted: (accepted: readonly Accepted[]) => void;
}

interface Watched {
  readonly listeners: Set<(changed: readonly WebLine[]) => void>;
  /** What the listeners have been told: line → version and place. */
  readonly told: Map<string, string>;
  looking: boolean;
  again: boolean;
}

/**
 * The web chat over Postgres. A line is shown when it is committed, by every replica to its own readers: each room that
 * is being read is compared with what its readers were told, so nothing depends on the order of commits.
 */
export function createWebChat({ database, clock, world, onAccepted }: WebChatOptions): StoredWebChat {
  const watched = new Map<string, Watched>();
  let looks = 0;
  const timer = setInterval(() => {
    looks++;
    for (const room of watched.keys()) void (looks % LOOKS_AN_ARRIVAL === 0 ? arrive(room) : look(room));
  }, LOOK_EVERY_MS);
  timer.unref();

  const connector = (): string => [...world().localConnectors][0] ?? 'web';

  async function history(room: string, limit = HISTORY): Promise<WebLine[]> {
    const rows = await database.query<{
      id: string;
      seq: number;
      author: string;
      at: Date;
      content: string;
      version: number;
      reply_to: string | null;
      deleted: boolean;
    }>(
      // A limit in each branch: both walk their index backwards instead of sorting a room's whole history.
      `select * from (
         (select id, position as seq, 'bot' as author, coalesce(not_before, shown_at, created_at) as at, content, version, reply_to, removed as deleted
          from messages where connector = $1 and room = $2 and (not_before is null or not_before <= $4) order by position desc limit $3)
         union all
         (select id, position, name, at, json_build_object('text', text)::text, 1, reply_to::text, false
          from web_lines where connector = $1 and room = $2 order by position desc limit $3)
       ) lines order by seq desc limit $3`,
      [connector(), room, Math.min(limit, HISTORY), clock.now()],
    );
    return rows.reverse().map((row) => ({
      id: row.id,
      seq: row.seq,
      author: row.author,
      at: row.at.toISOString(),
      message: row.author === 'bot' ? (JSON.parse(row.content) as Message) : plain(row.content),
      version: row.version,
      ...(row.reply_to !== null && { replyTo: row.reply_to }),
      ...(row.deleted && { deleted: true }),
    }));
  }

  /** What is due takes its place behind what was said before that, once, whichever replica comes first. */
  async function arrive(room: string): Promise<void> {
    await database
      .query(
        `with due as materialized (
           select id, not_before from messages where connector = $1 and room = $2 and not_before <= $3 and not pending and sends = 0
           for update),
         placed as materialized (
           select id, not_before, nextval('message_position') as position from (select * from due order by not_before) in_time)
         update messages m set position = placed.position, shown_at = placed.not_before, not_before = null from placed where m.id = placed.id`,
        [connector(), room, clock.now()],
      )
      .catch(() => {}); // the database is away; it is shown all the same, where it was written
    look(room);
  }

  function arriveAt(room: string, due: Date): void {
    const waitMs = due.getTime() - clock.now().getTime();
    // The clock may have been put right meanwhile, so one wait may not be enough.
    if (waitMs <= 0) void arrive(room);
    // What is further away is found when the room is read.
    else if (waitMs < ARRIVALS_WITHIN_MS) setTimeout(() => arriveAt(room, due), waitMs).unref();
  }

  function look(room: string): void {
    const state = watched.get(room);
    if (!state) return;
    if (state.looking) {
      state.again = true;
      return;
    }
    state.looking = true;
    state.again = false;
    history(room)
      .then((lines) => {
        const changed = lines.filter((line) => state.told.get(line.id) !== `${line.version}:${line.seq}`);
        // Only what is still on the page is remembered, however long the room is watched.
        state.told.clear();
        for (const line of lines) state.told.set(line.id, `${line.version}:${line.seq}`);
        if (changed.length > 0) for (const listener of state.listeners) listener(changed);
      })
      .catch(() => {}) // the database is away; the next look tells
      .finally(() => {
        state.looking = false;
        if (state.again) look(room);
      });
  }

  return {
    rooms: (): WebRoom[] =>
      world()
        .rooms.all()
        .flatMap((room) =>
          room.addresses
            .filter((address) => address.connector === connector())
            .map((address) => ({ id: address.room, name: room.name })),
        ),

    history,

    /** Stores the line and accepts it as an event in one commit; a repeat with the same id is dropped. */
    async send(room: string, line: WebSend): Promise<void> {
      // Only what can be the id of a line is answered to.
      const replyTo = UUID.test(line.replyTo ?? '') ? line.replyTo : undefined;
      const event = {
        type: 'message',
        id: line.id,
        room,
        direct: false,
        sender: { ...line.sender, bot: false, guest: false },
        text: line.text,
        mentionsBot: true,
        ...(replyTo !== undefined && { replyTo }),
      };
      const accepted = await database.transaction(async ({ query }) => {
        await query(
          'insert into web_lines (id, connector, room, account, name, text, reply_to) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing',
          [
            line.id,
            connector(),
            room,
            line.sender.accountId,
            line.sender.name,
            line.text.replaceAll('\u0000', ''),
            replyTo ?? null,
          ],
        );
        return accept(query, line.id, room, event, 'message');
      });
      onAccepted(accepted);
      look(room);
    },

    async press(
      room: string,
      press: { id: string; command: string; message: string; sender: WebPress['sender'] },
    ): Promise<void> {
      const event = {
        type: 'press',
        id: press.id,
        room,
        direct: false,
        sender: press.sender,
        target: press.message,
        command: press.command,
      };
      onAccepted(await accept(database.query, press.id, room, event, 'press'));
    },

    subscribe(room: string, listener: (changed: readonly WebLine[]) => void): () => void {
      const state = watched.get(room) ?? {
        listeners: new Set(),
        told: new Map<string, string>(),
        looking: false,
        again: false,
      };
      watched.set(room, state);
      state.listeners.add(listener);
      void arrive(room);
      return () => {
        state.listeners.delete(listener);
        if (state.listeners.size === 0) watched.delete(room);
      };
    },

    changed(room: string, notBefore: Date | null): void {
      if (!notBefore) look(room);
      else arriveAt(room, notBefore);
    },

    close(): void {
      clearInterval(timer);
    },
  };

  function accept(
    query: Database['query'],
    id: string,
    room: string,
    event: object,
    kind: 'message' | 'press',
  ): Promise<Accepted[]> {
    return insertEvents(query, [
      {
        source: connector(),
        sourceId: id,
        lane: `${connector()}:${room}`,
        kind,
        payload: JSON.stringify(event),
        happenedAt: new Date(),
      },
    ]);
  }
}

/** What a person wrote is shown as written, never as markup. */
function plain(content: string): Message {
  const { text } = JSON.parse(content) as { text: string };
  return { text: text.replace(/[\\`*_[\]<>~|]/g, '\\$&') };
}
