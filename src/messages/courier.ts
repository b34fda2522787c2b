import { messageOf } from '../errors.ts';
import { Alarms } from './alarms.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import { Pace } from './pace.ts';
import { dueSoon, messageById, pendingRooms } from './store.ts';
import { offerTaps } from './taps.ts';
import { Turns, type Room } from './turns.ts';

export type CourierOptions = DeliveryOptions;

const LOOK_EVERY_MS = 1000;
/** A look finds what becomes due until a little after the next one. */
const DUE_WITHIN_MS = LOOK_EVERY_MS + 200;
/** Messages of one room whose commits are shared while many wait. */
const BATCH = 16;
/** Rooms that have their turn; and looked into with one statement. */
const ROOMS_AT_ONCE = 5000;
const ROOMS_A_TAKE = 250;
/** Looks into the database at the same time, each for all rooms that became ready meanwhile. */
const TAKES_AT_ONCE = 2;

/** Makes every room of one connector show what its rows say, as long as this replica holds the connector's lease. */
export class Courier {
  readonly #options: CourierOptions;
  readonly #pace: Pace;
  readonly #delivery: Delivery;
  readonly #turns: Turns;
  readonly #rooms = new Map<string, Room>();
  /** Rooms that have something to send, as far as is known, in the order in which that became known. */
  readonly #ready = new Set<string>();
  /** Those of them where a reply or a page waits. */
  readonly #readyFirst = new Set<string>();
  readonly #alarms: Alarms;
  #timer: NodeJS.Timeout | undefined;
  #lookAtMs = 0;
  #stopped = true;
  #busy = 0;
  #taking = 0;
  #looking = false;
  #lookAgain = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#pace = new Pace(options.connector.capabilities.rate);
    this.#delivery = new Delivery(options, this.#pace);
    this.#alarms = new Alarms(options.clock, (rooms) => {
      for (const room of rooms) this.wake(room);
    });
    this.#turns = new Turns(options, this.#pace, this.#delivery, {
      get: (room) => this.#room(room),
      free: (room, state, more) => this.#free(room, state, more),
      lookIn: (waitMs) => this.#schedule(waitMs),
      coped: (error, what) => this.#coped(error, what),
    });
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(0);
  }

  /** Begins nothing new and resolves when the requests in flight have been recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#delivery.stop();
    this.#ready.clear();
    this.#readyFirst.clear();
    clearTimeout(this.#timer);
    this.#alarms.clear();
    while (this.#busy > 0 || this.#looking) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Something changed in this room; `notBefore`: it is to be sent then, at the earliest; `urgent`: it goes before bulk. */
  wake(room: string, notBefore: Date | null = null, urgent = false): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    if (notBefore && notBefore > clock.now()) return this.#alarm(room, notBefore);
    const state = this.#room(room);
    state.again = true;
    state.urgent ||= urgent;
    const nowMs = clock.monotonic();
    if (!this.#pace.isAccountThrottled(nowMs)) this.#enqueue(room, state);
    else if (this.#looking) this.#lookAgain = true;
    else this.#schedule(this.#pace.accountWaitMs(nowMs));
  }

  /** Anything may have changed. */
  wakeAll(): void {
    this.#schedule(0);
  }

  /** One of our requests was seen in the platform's stream: settles it, whatever became of its answer. */
  async echo(key: string, remoteId: string): Promise<void> {
    const match = /^([0-9a-f-]{36})\.(\d+)$/.exec(key);
    if (!match?.[1] || this.#delivery.isSettled(key)) return;
    const row = await messageById(this.#options.database.query, match[1]);
    if (!row?.attempt || row.sends !== Number(match[2])) return;
    await this.#delivery.echo(row, remoteId);
    this.#room(row.room).unknownTries = 0;
    this.wake(row.room);
  }

  /** Does `work` while nothing is on its way to a room, and looks at all that waits there anew. */
  async quietly(room: string, work: () => Promise<void>): Promise<void> {
    const state = this.#room(room);
    while (state.busy) {
      await new Promise<void>((resolve) => state.freed.push(resolve));
    }
    this.#occupy(state);
    try {
      await work();
      state.unknownTries = 0;
      state.untried = undefined;
      this.#pace.resume(room);
    } finally {
      state.looked = false;
      this.#free(room, state, true);
    }
  }

  #room(room: string): Room {
    let state = this.#rooms.get(room);
    if (!state) {
      state = {
        busy: false,
        looked: false,
        again: false,
        urgent: false,
        freed: [],
        unknownTries: 0,
        untried: undefined,
      };
      this.#rooms.set(room, state);
    }
    return state;
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    // The earliest counts: a room that waits for long must not put off the look that finds everything else.
    const atMs = performance.now() + Math.min(waitMs, LOOK_EVERY_MS);
    if (this.#timer && this.#lookAtMs <= atMs) return;
    clearTimeout(this.#timer);
    this.#lookAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#look();
      },
      Math.min(waitMs, LOOK_EVERY_MS),
    );
  }

  #alarm(room: string, due: Date): void {
    // What is further away is found by a later look.
    if (due.getTime() - this.#options.clock.now().getTime() <= DUE_WITHIN_MS) this.#alarms.set(room, due);
  }

  /** Looks for work everywhere; while the account is throttled, one request at a time goes to the most urgent room. */
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
      if (!this.#pace.isAccountThrottled(clock.monotonic()))
        for (const room of rooms) this.#enqueue(room, this.#room(room));
      else waitMs = await this.#throttledRound(rooms);
      if (rooms.length === 0) await this.#offerTaps();
    } catch (error) {
      this.#coped(error, 'courier could not look for work');
    }
    this.#looking = false;
    this.#schedule(
      this.#lookAgain ? Math.min(waitMs, this.#pace.accountWaitMs(this.#options.clock.monotonic())) : waitMs,
    );
  }

  async #throttledRound(rooms: readonly string[]): Promise<number> {
    const { clock } = this.#options;
    for (const room of rooms) {
      if (this.#stopped) return LOOK_EVERY_MS;
      const waitMs = this.#pace.waitMs(room, clock.monotonic());
      if (this.#pace.accountWaitMs(clock.monotonic()) > 0) return Math.max(1, waitMs);
      const state = this.#room(room);
      if (waitMs > 0 || state.busy) continue;
      this.#occupy(state);
      const { spent } = this.#pace;
      await this.#turns.work([room], 1).catch((error: unknown) => this.#coped(error, 'courier turn ended early'));
      // A room where nothing could be sent must not keep the others waiting.
      if (this.#pace.spent > spent) return 0;
    }
    return LOOK_EVERY_MS;
  }

  /** The next look begins anew; a database that is away is told of elsewhere. */
  #coped(error: unknown, what: string): void {
    const { database, log } = this.#options;
    if (database.available) log.warn({ reason: messageOf(error) }, what);
  }

  #occupy(state: Room): void {
    state.busy = true;
    state.again = false;
    state.urgent = false;
    this.#busy++;
  }

  #free(room: string, state: Room, more: boolean): void {
    state.busy = false;
    this.#busy--;
    // Whoever waits for it comes before the next turn, which begins in another task.
    for (const next of state.freed.splice(0)) next();
    if (more || state.again) this.#enqueue(room, state);
    if (this.#isAnyReady()) this.#takeSoon();
  }

  #enqueue(room: string, state: Room): void {
    if (this.#stopped || state.busy || this.#mustWait(room)) return;
    (state.urgent ? this.#readyFirst : this.#ready).add(room);
    this.#takeSoon();
  }

  /** Its pace, or the account's, does not allow a request now; a look comes back to it. */
  #mustWait(room: string): boolean {
    const nowMs = this.#options.clock.monotonic();
    const waitMs = this.#pace.waitMs(room, nowMs);
    if (waitMs === 0 && !this.#pace.isAccountThrottled(nowMs)) return false;
    this.#schedule(Math.max(1, waitMs));
    return true;
  }

  #isAnyReady(): boolean {
    return this.#ready.size + this.#readyFirst.size > 0;
  }

  #takeSoon(): void {
    if (this.#taking >= TAKES_AT_ONCE) return;
    this.#taking++;
    // Rooms that are woken by the same commit, or are due in the same millisecond, are looked into together.
    setImmediate(() => void this.#take());
  }

  async #take(): Promise<void> {
    while (!this.#stopped && this.#busy < ROOMS_AT_ONCE && this.#isAnyReady()) {
      const rooms: string[] = [];
      const count = Math.min(ROOMS_A_TAKE, ROOMS_AT_ONCE - this.#busy);
      for (const room of [...this.#readyFirst, ...this.#ready].slice(0, count)) {
        this.#ready.delete(room);
        this.#readyFirst.delete(room);
        const state = this.#room(room);
        // It stood here twice; and what was refused since it became ready counts.
        if (state.busy || this.#mustWait(room)) continue;
        this.#occupy(state);
        rooms.push(room);
      }
      if (rooms.length === 0) continue;
      await this.#turns
        .work(rooms, BATCH)
        .catch((error: unknown) => this.#coped(error, 'courier could not decide what to send'));
    }
    this.#taking--;
  }

  #offerTaps(): Promise<void> {
    const { database, name, connector, lease, clock, log } = this.#options;
    const signal = (): AbortSignal => this.#delivery.signal();
    return offerTaps(
      { query: database.query, name, connector, lease, clock, log, signal },
      this.#pace,
      () => this.#stopped,
    );
  }
}
