import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import { insertEvents, type Accepted } from '../dispatch/event.ts';
import type { World } from '../dispatch/world.ts';
import { createGate } from '../dispatch/gate.ts';
import { insertLine, readExcerpt, readHeads, readLines, type LinesOf } from './lines.ts';
import { RoomWatch } from './room-watch.ts';
import type { Following, WebChat, WebPress, WebReader, WebRoom, WebSend } from './web-chat.ts';

/** Another replica's commits are found by looking; its NOTIFY only makes that faster. */
const LOOK_EVERY_MS = 1000;
const ARRIVALS_WITHIN_MS = 60_000;
/** What was further away, or planned before this program began. */
const LOOKS_AN_ARRIVAL = 20;
/** Excerpts are the biggest thing read here: many pages that open at once must fill neither the memory nor the pool. */
const EXCERPTS_AT_ONCE = 4;
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

/**
 * The web chat over Postgres. A line is shown when it is committed, by every replica to its own readers: see `RoomWatch`.
 */
export function createWebChat({ database, clock, world, onAccepted }: WebChatOptions): StoredWebChat {
  const watched = new Map<string, RoomWatch>();
  const reading = createGate(EXCERPTS_AT_ONCE);
  let looks = 0;
  const timer = setInterval(() => {
    looks++;
    for (const [room, watch] of watched)
      if (looks % LOOKS_AN_ARRIVAL === 0) void arrive(room);
      else watch.look();
  }, LOOK_EVERY_MS);
  timer.unref();

  const connector = (): string => [...world().localConnectors][0] ?? 'web';
  const linesOf = (room: string): LinesOf => ({ connector: connector(), room, now: clock.now() });

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
    watched.get(room)?.look();
  }

  function arriveAt(room: string, due: Date): void {
    const waitMs = due.getTime() - clock.now().getTime();
    // The clock may have been put right meanwhile, so one wait may not be enough.
    if (waitMs <= 0) void arrive(room);
    // What is further away is found when the room is read.
    else if (waitMs < ARRIVALS_WITHIN_MS) setTimeout(() => arriveAt(room, due), waitMs).unref();
  }

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
      world()
        .rooms.all()
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
      void arrive(room);
      try {
        const { heads, ...excerpt } = await reading(() => readExcerpt(database.query, linesOf(room)));
        added.begin(heads);
        return { excerpt, stop, more: () => watch.look() };
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
      const stored = {
        ...{ id: line.id, connector: connector(), room, account: line.sender.accountId, name: line.sender.name },
        ...{ text: line.text.replaceAll('\u0000', ''), replyTo: replyTo ?? null },
      };
      const accepted = await database.transaction(async ({ query }) => {
        const outcome = await insertLine(query, stored);
        return outcome === 'new' ? accept(query, line.id, room, event, 'message') : outcome;
      });
      if (accepted === 'taken') return 'taken';
      if (accepted !== 'repeat') onAccepted(accepted);
      watched.get(room)?.look();
      return 'accepted';
    },

    async press(room: string, press: WebPress): Promise<void> {
      const event = {
        type: 'press',
        id: press.id,
        room,
        direct: false,
        sender: press.sender,
        target: press.message,
        command: press.command,
      };
      // A page draws the ids of its lines and presses apart: one that both had would silence the later.
      onAccepted(await accept(database.query, `press ${press.id}`, room, event, 'press'));
    },

    changed(room: string, notBefore: Date | null): void {
      if (!notBefore) watched.get(room)?.look();
      else arriveAt(room, notBefore);
    },

    close(): void {
      clearInterval(timer);
    },
  };

  function accept(
    query: Database['query'],
    sourceId: string,
    room: string,
    event: object,
    kind: 'message' | 'press',
  ): Promise<Accepted[]> {
    return insertEvents(query, [
      {
        source: connector(),
        sourceId,
        lane: `${connector()}:${room}`,
        kind,
        payload: JSON.stringify(event),
        happenedAt: new Date(),
      },
    ]);
  }
}
