import type { Message } from '../chat/message.ts';
import { rerun } from '../db/database.ts';
import { stepKey, type Delivered, type Delivery, type DeliveryOptions, type Uncertain } from './delivery.ts';
import { digestMessage, foldRoom, isFoldable } from './digest.ts';
import type { Pace } from './pace.ts';
import { planFor, type Attempt, type Copy } from './plan.ts';
import {
  beginAttempts,
  changeAttempt,
  dropExpired,
  markShown,
  membersOf,
  livingDigest,
  takePending,
  unfold,
  unresolvedIn,
  withdrawAttempts,
  type MessageRow,
  type Planned,
} from './store.ts';

/** What changes right now, or has just changed, is looked at again so soon. */
const AGAIN_MS = 100;

/** What is remembered of a room between its turns. */
export interface Room extends Uncertain {
  /** It has its turn. */
  busy: boolean;
  /** It was woken while it was busy. */
  again: boolean;
  /** Called when its turn is over. */
  readonly freed: (() => void)[];
}

/** Whoever gives the rooms their turns. */
export interface Rooms {
  get(room: string): Room;
  /** Its turn is over; `more`: it may have more to send. */
  free(room: string, state: Room, more: boolean): void;
  /** Look for work again, in so long at the latest. */
  lookIn(waitMs: number): void;
  coped(error: unknown, what: string): void;
}

/** The turns of rooms: what waits in them is decided, frozen with one commit for all of them, and sent. */
export class Turns {
  readonly #options: DeliveryOptions;
  readonly #pace: Pace;
  readonly #delivery: Delivery;
  readonly #rooms: Rooms;

  constructor(options: DeliveryOptions, pace: Pace, delivery: Delivery, rooms: Rooms) {
    this.#options = options;
    this.#pace = pace;
    this.#delivery = delivery;
    this.#rooms = rooms;
  }

  /**
   * Works on rooms that are occupied for it, and frees each when it is done with it; in each, `limit` messages at most.
   * Resolves when everything is decided and stored; with a limit of one, when it is also sent.
   */
  async work(rooms: readonly string[], limit: number): Promise<void> {
    const left = new Set(rooms);
    const sending: Promise<void>[] = [];
    /** Runs what remains to be done for one room, and frees it. */
    const finish = (room: string, rest: () => Promise<boolean>): void => {
      left.delete(room);
      sending.push(this.#finish(room, rest));
    };
    try {
      if (this.#options.lease.signal.aborted) return;
      for (const row of await this.#unresolved(rooms)) finish(row.room, () => this.#resolve(row));
      for (const room of left)
        if (this.#pace.isThrottled(room, this.#options.clock.monotonic())) await this.#fold(room);
      const batches: { room: string; batch: readonly Planned[]; more: boolean }[] = [];
      for (const [room, waiting] of await this.#waitingIn([...left], limit)) {
        const [next] = waiting;
        if (!next) finish(room, async () => false);
        else {
          const batch = await this.#batch(waiting);
          // A turn is one request of each.
          const unfinished = batch.some(({ attempt }) => attempt.steps.length > 1);
          const more = unfinished || batch.length < waiting.length || waiting.length === limit;
          if (batch.length > 0) batches.push({ room, batch, more });
          else finish(room, () => this.#single(next));
        }
      }
      if (batches.length > 0) {
        const begun = await this.#begin(batches.flatMap(({ batch }) => batch));
        for (const { room, batch, more } of batches) {
          const frozen = batch.map(({ row, attempt }) => ({ attempt, row: { ...row, attempt: 'begun' } }));
          const changed = frozen.findIndex(({ row }) => !begun.has(row.id));
          if (changed >= 0) finish(room, () => this.#deliverBefore(frozen, changed, begun));
          else
            finish(room, async () => {
              const delivered = await this.#deliver(frozen);
              return delivered === 'left' || (delivered === 'sent' && more);
            });
        }
      }
    } finally {
      for (const room of left) this.#rooms.free(room, this.#rooms.get(room), false);
    }
    if (limit === 1) await Promise.all(sending);
  }

  /** `rest` says whether there may be more in the room. What failed is found again by the next look. */
  async #finish(room: string, rest: () => Promise<boolean>): Promise<void> {
    let more = false;
    try {
      more = await rest();
    } catch (error) {
      this.#rooms.coped(error, 'courier turn ended early');
    }
    this.#rooms.free(room, this.#rooms.get(room), more);
  }

  /** What a former holder, or a request without an answer, left. True: the room may have more. */
  async #resolve(row: MessageRow): Promise<boolean> {
    const repeat = await this.#repeatOf(row, JSON.parse(row.attempt ?? '') as Attempt);
    const delivered = repeat ? await this.#deliver([{ row, attempt: repeat }], 'unknown') : 'wait';
    // There may be another one.
    this.#rooms.get(row.room).looked = false;
    if (!repeat) this.#rooms.lookIn(AGAIN_MS);
    return delivered !== 'wait';
  }

  /**
   * The very same, as long as the platform knows its key; after that a send says that it may be a repeat. Undefined: it
   * changed meanwhile, and is to be looked at again.
   */
  async #repeatOf(row: MessageRow, attempt: Attempt): Promise<Attempt | undefined> {
    const { connector, clock, database, lease } = this.#options;
    const known = clock.now().getTime() - Date.parse(attempt.at) < connector.capabilities.keyWindowMs;
    // What is half done goes on as it was begun, and what was taken away since is deleted after it.
    if (known || attempt.next > 0 || row.removed || attempt.steps[0]?.type !== 'send') return attempt;
    const marked = await this.#plan(row, (message) => ({
      ...message,
      text: [message.text, '_(may be a repeat)_'].filter(Boolean).join('\n'),
    }));
    if ('impossible' in marked || marked.steps.length === 0) return attempt;
    return (await changeAttempt(database.query, lease, { row, attempt: marked })) ? marked : undefined;
  }

  /** What a former holder, or a request without an answer, left in these rooms: in each, the first. */
  async #unresolved(rooms: readonly string[]): Promise<MessageRow[]> {
    const { database, name } = this.#options;
    const unseen = rooms.filter((room) => !this.#rooms.get(room).looked);
    if (unseen.length === 0) return [];
    const rows = await unresolvedIn(database.query, name, unseen);
    const unclear = new Map(rows.map((row) => [row.room, row]));
    for (const room of unseen) {
      const state = this.#rooms.get(room);
      const row = unclear.get(room);
      if (!row) state.looked = true;
      else if (state.untried !== stepKey(row, (JSON.parse(row.attempt ?? '') as Attempt).next))
        state.unknownTries = Math.max(1, state.unknownTries);
    }
    return rows;
  }

  #waitingIn(rooms: readonly string[], limit: number): Promise<Map<string, MessageRow[]>> {
    const { database, name, clock } = this.#options;
    return rooms.length === 0
      ? Promise.resolve(new Map())
      : takePending(database.query, name, rooms, { now: clock.now(), limit });
  }

  /**
   * What can be attempted together: messages of one request each that depend on nothing before them. Their requests still
   * go out one after another; only the commits before and after are shared. Empty: the first needs a turn of its own.
   */
  async #batch(rows: readonly MessageRow[]): Promise<Planned[]> {
    const batch: Planned[] = [];
    const now = this.#options.clock.now();
    for (const row of rows) {
      if (row.attempt || row.fold || row.digest || (row.until && row.until < now)) break;
      if (batch.length > 0 && row.thread_key) break;
      const attempt = await this.#plan(row);
      if ('impossible' in attempt || attempt.steps.length === 0) break;
      if (attempt.steps.length > 1 && batch.length > 0) break;
      batch.push({ row, attempt });
      if (attempt.steps.length > 1) break;
    }
    return batch;
  }

  async #begin(planned: readonly Planned[]): Promise<ReadonlySet<string>> {
    const { database, lease, step } = this.#options;
    step('courier.before-attempt');
    const begun = await rerun(() => beginAttempts(database.query, lease, planned));
    step('courier.after-attempt');
    return begun;
  }

  #withdraw(rows: readonly MessageRow[]): Promise<void> {
    const { database, lease } = this.#options;
    return withdrawAttempts(database.query, lease, rows);
  }

  /**
   * Sends what stands before one that changed, is being changed, or was not frozen because the lease has gone; takes back
   * what stands behind it. Whoever changes it wakes the room.
   */
  async #deliverBefore(frozen: readonly Planned[], changed: number, begun: ReadonlySet<string>): Promise<boolean> {
    const behind = frozen.slice(changed + 1).flatMap(({ row }) => (begun.has(row.id) ? [row] : []));
    if (behind.length > 0) await this.#withdraw(behind);
    if (changed > 0) await this.#deliver(frozen.slice(0, changed));
    this.#rooms.lookIn(AGAIN_MS);
    return false;
  }

  /** Sends what is frozen. */
  async #deliver(frozen: readonly Planned[], kind: 'fresh' | 'unknown' = 'fresh'): Promise<Delivered> {
    const [first] = frozen;
    if (!first) return 'sent';
    const { room } = first.row;
    const delivered = await this.#delivery.deliver(frozen, this.#rooms.get(room), kind);
    if (delivered === 'wait') this.#rooms.lookIn(this.#pace.waitMs(room, this.#options.clock.monotonic()));
    return delivered;
  }

  /** The first message of a room, where it is not simply something to send. True: look into the room again. */
  async #single(next: MessageRow): Promise<boolean> {
    const { database, lease, clock, onAccepted } = this.#options;
    const row = next.fold ? await livingDigest(database.query, next.fold) : next;
    if (!row) return unfold(database.query, lease, next);
    if (row.attempt) {
      this.#rooms.get(row.room).looked = false;
      return true;
    }
    if (row.until && row.until < clock.now()) {
      onAccepted(
        await dropExpired(database.query, lease, row, clock.now(), this.#pace.everyMs(row.room, clock.monotonic())),
      );
      return true;
    }
    const attempt = await this.#plan(row);
    // Whatever is wrong with it must not keep what is behind it.
    if ('impossible' in attempt) {
      await this.#delivery.dead(row, attempt.impossible, row.version);
      return true;
    }
    if (attempt.steps.length === 0) return markShown(database.query, lease, row, attempt);
    const begun = await this.#begin([{ row, attempt }]);
    if (!begun.has(row.id)) return this.#deliverBefore([{ row, attempt }], 0, begun);
    return (await this.#deliver([{ row: { ...row, attempt: 'begun' }, attempt }])) !== 'wait';
  }

  async #plan(
    row: MessageRow,
    mark = (message: Message): Message => message,
  ): Promise<Attempt | { readonly impossible: string }> {
    const { connector, database, clock } = this.#options;
    const members = row.digest ? await membersOf(database.query, row.id) : undefined;
    return planFor(connector, {
      id: row.id,
      version: row.version,
      ringVersion: row.ring_version,
      // A digest of what was taken away says nothing.
      removed: row.removed || members?.every((member) => member.removed) === true,
      message: mark(members ? digestMessage(members) : (JSON.parse(row.content) as Message)),
      copies: JSON.parse(row.copies) as Copy[],
      now: clock.now(),
      ...(members && { members: members.map(({ id, version, ring_version: ring }) => ({ id, version, ring })) }),
    });
  }

  async #fold(room: string): Promise<void> {
    const { database, lease, name, step } = this.#options;
    if (!(await isFoldable(database.query, name, room))) return;
    if ((await foldRoom(database, lease, name, room)) > 0) step('fold.after-commit');
  }
}
