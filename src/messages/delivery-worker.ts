import type { RequestKey } from '../connectors/connector.ts';
import { messageOf } from '../errors.ts';
import { FREEZE_EARLY_MS, Alarms } from './alarms.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import { dueSoon, messageById, pendingRooms } from './message-rows.ts';
import { OfferedReactions } from './offered-reactions.ts';
import { RateLimits } from './rate-limiter.ts';
import { RoomScheduler } from './room-scheduler.ts';
import { RoomWorker, type Turn } from './room-worker.ts';

export type DeliveryWorkerOptions = DeliveryOptions;

const LOOK_EVERY_MS = 1000;
/** Each look covers a little more than the time until the next one. */
const DUE_WITHIN_MS = LOOK_EVERY_MS + FREEZE_EARLY_MS + 200;
/** Most rooms that have a turn at the same time, and that are read with one statement. */
const ROOMS_AT_ONCE = 5000;
const ROOMS_A_TAKE = 250;
/** Concurrent reads, each for all rooms that have become ready. */
const TAKES_AT_ONCE = 2;

/** Makes every room of one connector show what its rows say, while this replica holds the lease: finds work and schedules rooms. */
export class DeliveryWorker {
  readonly #options: DeliveryWorkerOptions;
  readonly #limits: RateLimits;
  readonly #delivery: Delivery;
  readonly #scheduler: RoomScheduler;
  readonly #alarms: Alarms;
  readonly #reactions: OfferedReactions;
  readonly #workers = new Map<string, RoomWorker>();
  /** Rooms that probably have something to send, in the order in which they became ready. */
  readonly #ready = new Set<RoomWorker>();
  #cancel: (() => void) | undefined;
  #lookAtMs = 0;
  #stopped = true;
  #working = 0;
  #taking = 0;
  #looking = false;
  #lookAgain = false;
  #offering = false;

  constructor(options: DeliveryWorkerOptions) {
    this.#options = options;
    this.#limits = new RateLimits(options.connector);
    this.#delivery = new Delivery(options, this.#limits);
    this.#alarms = new Alarms(options.clock, (rooms) => {
      for (const room of rooms) this.wake(room);
    });
    const delivery = this.#delivery;
    this.#reactions = new OfferedReactions(
      {
        ...options,
        query: options.database.query,
        signal: () => delivery.signal(),
        remoteRoomOf: (row) => delivery.remoteRoomOf(row),
      },
      this.#limits,
    );
    this.#scheduler = new RoomScheduler({
      ...options,
      limits: this.#limits,
      onEnd: (worker, turn) => this.#end(worker, turn),
      onError: (error, what) => this.#warn(error, what),
    });
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(0);
  }

  /** Starts nothing new; resolves when the requests in flight are recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#delivery.stop();
    this.#ready.clear();
    this.#cancel?.();
    this.#alarms.clear();
    // So that none keeps waiting for the time of a message that it froze early.
    for (const worker of this.#workers.values()) if (worker.isWorking) worker.wake(false);
    while (this.#working > 0 || this.#looking || this.#offering) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Something changed in this room. `notBefore`: the earliest time to send it; `urgent`: it goes before bulk. */
  wake(room: string, notBefore: Date | null = null, urgent = false): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const worker = this.#worker(room);
    if (notBefore && notBefore > clock.now()) {
      // It may be a new version of a message that is frozen early.
      if (worker.mayHoldEarly) worker.wake(urgent);
      return this.#alarm(room, notBefore);
    }
    worker.wake(urgent);
    const nowMs = clock.steady();
    if (!this.#limits.account.isThrottled(nowMs)) this.#enqueue(worker);
    else if (this.#looking) this.#lookAgain = true;
    else this.#schedule(this.#limits.account.waitMs(nowMs));
  }

  /** Looks at all rooms again. */
  wakeAll(): void {
    this.#schedule(0);
  }

  /** One of our requests showed up in the platform's stream: settles it, even if its response was lost. */
  async echo(key: RequestKey, remoteId: string): Promise<void> {
    if (this.#delivery.isSettled(key)) return;
    const row = await messageById(this.#options.database.query, key.uuid);
    if (!row?.attempt || row.sends !== key.count) return;
    await this.#delivery.echo(row, remoteId);
    this.wake(row.room);
  }

  /** Runs `work` while nothing is being sent to a room, then looks at the room's messages again. */
  async whileIdle(room: string, work: () => Promise<void>): Promise<void> {
    const worker = this.#worker(room);
    while (worker.isWorking) await worker.ended();
    this.#begin(worker);
    try {
      await work();
    } finally {
      worker.forget();
      this.#end(worker, 'more');
    }
  }

  #worker(room: string): RoomWorker {
    let worker = this.#workers.get(room);
    if (!worker) {
      worker = new RoomWorker(room, this.#options, this.#limits, this.#delivery);
      this.#workers.set(room, worker);
    }
    return worker;
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    // The earliest time wins: a room with a long wait must not delay the look for everything else.
    const { clock } = this.#options;
    const atMs = clock.steady() + Math.min(waitMs, LOOK_EVERY_MS);
    if (this.#cancel && this.#lookAtMs <= atMs) return;
    this.#cancel?.();
    this.#lookAtMs = atMs;
    const look = (): void => {
      this.#cancel = undefined;
      void this.#look();
    };
    this.#cancel = clock.after(Math.min(waitMs, LOOK_EVERY_MS), look);
  }

  #alarm(room: string, due: Date): void {
    const { clock } = this.#options;
    // A later look finds what is further away.
    if (due.getTime() - clock.now().getTime() > DUE_WITHIN_MS) return;
    // While the account is throttled nothing is frozen early.
    const freezeEarlyMs = this.#limits.account.isThrottled(clock.steady()) ? 0 : FREEZE_EARLY_MS;
    this.#alarms.set(room, new Date(due.getTime() - freezeEarlyMs));
  }

  /** Looks for work in all rooms. While the account is throttled, one request at a time goes to the most urgent room. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    this.#lookAgain = false;
    let waitMs = LOOK_EVERY_MS;
    try {
      const { database, name, clock } = this.#options;
      const now = clock.now();
      for (const { room, due } of await dueSoon(database.query, name, now, new Date(now.getTime() + DUE_WITHIN_MS)))
        this.#alarm(room, due);
      const rooms = await pendingRooms(database.query, name, now);
      if (this.#limits.account.isThrottled(clock.steady())) waitMs = await this.#throttledRound(rooms);
      else for (const room of rooms) this.#enqueue(this.#worker(room));
      if (rooms.length === 0) this.#offerReactions();
    } catch (error) {
      this.#warn(error, 'delivery worker could not look for work');
    }
    this.#looking = false;
    const soonMs = this.#lookAgain ? this.#limits.account.waitMs(this.#options.clock.steady()) : waitMs;
    this.#schedule(Math.min(waitMs, soonMs));
  }

  async #throttledRound(rooms: readonly string[]): Promise<number> {
    const { clock } = this.#options;
    for (const room of rooms) {
      if (this.#stopped) return LOOK_EVERY_MS;
      const waitMs = this.#limits.waitMs(room, clock.steady());
      if (this.#limits.account.waitMs(clock.steady()) > 0) return Math.max(1, waitMs);
      const worker = this.#worker(room);
      if (waitMs > 0 || worker.isWorking) continue;
      this.#begin(worker);
      const { spent } = this.#limits;
      await this.#scheduler
        .work([worker], 1)
        .catch((error: unknown) => this.#warn(error, 'delivery to a room ended early'));
      // A room where nothing could be sent must not delay the others.
      if (this.#limits.spent > spent) return 0;
    }
    return LOOK_EVERY_MS;
  }

  /** The next look retries. An unreachable database is logged elsewhere. */
  #warn(error: unknown, what: string): void {
    const { database, log } = this.#options;
    if (database.available) log.warn({ reason: messageOf(error) }, what);
  }

  #begin(worker: RoomWorker): void {
    this.#ready.delete(worker);
    worker.begin();
    this.#working++;
  }

  #end(worker: RoomWorker, turn: Turn): void {
    this.#working--;
    if (worker.end(turn)) this.#enqueue(worker);
    if (typeof turn === 'object') this.#schedule(turn.waitMs);
    if (this.#ready.size > 0) this.#takeSoon();
  }

  #enqueue(worker: RoomWorker): void {
    if (this.#stopped || worker.isWorking || this.#mustWait(worker)) return;
    this.#ready.add(worker);
    this.#takeSoon();
  }

  /** The rate limit of the room or the account does not allow a request now; a later look returns to it. */
  #mustWait({ room }: RoomWorker): boolean {
    const nowMs = this.#options.clock.steady();
    const waitMs = this.#limits.waitMs(room, nowMs);
    if (waitMs === 0 && !this.#limits.account.isThrottled(nowMs)) return false;
    this.#schedule(Math.max(1, waitMs));
    return true;
  }

  #takeSoon(): void {
    if (this.#taking >= TAKES_AT_ONCE) return;
    this.#taking++;
    // Rooms woken by the same commit, or due at the same moment, are read together.
    setImmediate(() => void this.#take());
  }

  async #take(): Promise<void> {
    while (!this.#stopped && this.#working < ROOMS_AT_ONCE && this.#ready.size > 0) {
      const [urgent, others] = [[...this.#ready].filter((one) => one.isUrgent), [...this.#ready]];
      const taken: RoomWorker[] = [];
      for (const worker of new Set([...urgent, ...others])) {
        if (taken.length >= Math.min(ROOMS_A_TAKE, ROOMS_AT_ONCE - this.#working)) break;
        this.#ready.delete(worker);
        // It may have been rate-limited since it became ready.
        if (worker.isWorking || this.#mustWait(worker)) continue;
        this.#begin(worker);
        taken.push(worker);
      }
      if (taken.length === 0) continue;
      await this.#scheduler
        .work(taken)
        .catch((error: unknown) => this.#warn(error, 'delivery worker could not decide what to send'));
    }
    this.#taking--;
  }

  /** Beside the looks: a reaction that gets no response must not delay the next one. */
  #offerReactions(): void {
    if (this.#offering) return;
    this.#offering = true;
    this.#reactions
      .offer(() => this.#stopped)
      .catch((error: unknown) => this.#warn(error, 'reactions could not be added'))
      .finally(() => (this.#offering = false));
  }
}
