import { isRerunError, isTransientError } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import {
  beginEvent,
  beginLane,
  beginSuspect,
  findNew,
  takenOfEach,
  takeSuspects,
  uncountTries,
  type Accepted,
  type Suspect,
} from './event.ts';
import { EventHandler, type HandlerOptions } from './handler.ts';
import { handleTogether, type Together } from './together.ts';

/** While senders wait for their 200, accepting goes first: alone for a second, then with some handling beside it. */
const WORKERS = { none: 8, burst: 0, long: 3 };
/** With this many waiting, several share a transaction: up to `BATCH` events or lanes, `BATCHES` such at once. */
const MANY = 8;
const BATCH = 32;
const BATCHES = 2;
const WORKERS_FOR_PEOPLE = 2;
const SWEEP_EVERY_MS = 1000;
const SWEEP_LIMIT = 1000;
/** So often a program may die while it handles one event; then a person has to look. */
const MAX_DEATHS = 3;
/** Of several taken together; the rest is left before another replica may take it. */
const SUSPECTS_MS = 1000;

export interface DispatcherOptions extends HandlerOptions {
  readonly pressure: () => 'none' | 'burst' | 'long';
}

/** What is known of a lane. */
interface LaneWork {
  /** Events heard of and not handled yet. */
  expected: number;
  /** There may be more than was heard of. */
  drain: boolean;
  /** Something was heard of since its last event was looked for. */
  heard: boolean;
}

type Work = { readonly id: number } | { readonly lane: string };

/**
 * Decides which accepted events are handled when: each in a transaction of its own, or several that wait in one. Woken by
 * whoever accepted them; a sweep each second takes what is left over from a crash, from another replica, or from a full queue.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #handler: EventHandler;
  /** What people say, and what is to be handled alone: never together with others. */
  readonly #first: Work[] = [];
  readonly #queue: Work[] = [];
  readonly #queuedIds = new Set<number>();
  /** Lanes queued or worked. */
  readonly #lanes = new Map<string, LaneWork>();
  #working = 0;
  #batches = 0;
  #stopped = true;
  #suspecting: Promise<void> | undefined;
  /** Suspected events whose try did not end, in a program that goes on. */
  #survived: number[] = [];
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#handler = new EventHandler(options);
    options.database.onAvailability((available) => {
      // Nothing in memory is trusted after the database was away; the sweep finds what is there.
      if (available) this.#queueSweep(0);
      else this.#forget();
    });
  }

  start(): void {
    this.#stopped = false;
    this.#queueSweep(0);
  }

  /** Takes up nothing new and resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#sweepTimer);
    this.#forget();
    await this.#suspecting;
    while (this.#working > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** `drain`: there may be more in a lane than was heard of. */
  wake(accepted: readonly Accepted[], drain = false): void {
    if (this.#stopped) return;
    for (const { id, lane } of accepted) this.#enqueue(this.#queue, id, lane, drain);
    this.#pump();
  }

  /** What people say goes before everything else. */
  wakeFirst(accepted: readonly Accepted[]): void {
    if (this.#stopped) return;
    for (const { id, lane } of accepted) this.#enqueue(this.#first, id, lane, false);
    this.#pump();
  }

  get backlog(): number {
    return this.#first.length + this.#queue.length + this.#working;
  }

  #forget(): void {
    for (const work of [...this.#first, ...this.#queue]) if ('lane' in work) this.#lanes.delete(work.lane);
    this.#first.length = 0;
    this.#queue.length = 0;
    this.#queuedIds.clear();
  }

  #enqueue(queue: Work[], id: number, lane: string | null, drain: boolean): void {
    if (lane === null) {
      if (this.#queuedIds.has(id)) return;
      this.#queuedIds.add(id);
      queue.push({ id });
      return;
    }
    const known = this.#lanes.get(lane);
    if (known) {
      // A sweep finds again what was heard of before.
      if (drain) known.drain = true;
      else known.expected++;
      known.heard ||= !drain;
      return;
    }
    this.#lanes.set(lane, { expected: 1, drain, heard: false });
    queue.push({ lane });
  }

  #pump(): void {
    while (!this.#stopped && this.#mayBegin() && this.#options.world() && this.#options.database.available) {
      this.#working++;
      void this.#work().finally(() => {
        this.#working--;
        this.#pump();
      });
    }
  }

  #mayBegin(): boolean {
    if (this.#first.length > 0) return this.#working < WORKERS.none + WORKERS_FOR_PEOPLE;
    if (this.#queue.length === 0 || this.#working >= WORKERS[this.#options.pressure()]) return false;
    return this.#queue.length < MANY || this.#batches < BATCHES;
  }

  async #work(): Promise<void> {
    if (this.#first.length > 0 || this.#queue.length < MANY) {
      const work = this.#first.shift() ?? this.#queue.shift();
      if (work) await ('id' in work ? this.#workEvent(work.id) : this.#workLane(work.lane));
      return;
    }
    this.#batches++;
    try {
      this.#first.push(...(await this.#workTogether(this.#queue.splice(0, BATCH))));
    } finally {
      this.#batches--;
    }
  }

  /** Handles what it can in one transaction. Returns what has to be handled alone. */
  async #workTogether(batch: readonly Work[]): Promise<readonly Work[]> {
    const { database, clock, step, world: current, log } = this.#options;
    const world = current();
    if (!world || this.#stopped) return batch;
    const ids = batch.flatMap((work) => ('id' in work ? [work.id] : []));
    const lanes = batch.flatMap((work) => ('lane' in work ? [work.lane] : []));
    for (const lane of lanes) {
      const work = this.#lanes.get(lane);
      if (work) work.heard = false;
    }
    let together: Together;
    try {
      together = await handleTogether({ database, clock, step, world, known: this.#handler.known(world) }, ids, lanes);
    } catch (error) {
      // A lock that somebody else holds is nobody's fault.
      const level = isRerunError(error) || isTransientError(error) || !database.available ? 'debug' : 'warn';
      log[level]({ events: batch.length, reason: messageOf(error) }, 'events are handled one by one');
      return batch;
    }
    const handled = new Map<string, number>();
    for (const { rows, woken } of together.handled) {
      this.#handler.handled(rows, { result: 'ok' }, woken);
      for (const { lane } of rows) if (lane !== null) handled.set(lane, (handled.get(lane) ?? 0) + 1);
    }
    const left = new Set(together.left.map((row) => row.lane ?? row.id));
    const alone = new Set(together.alone.map((row) => row.lane ?? row.id));
    return batch.filter((work) => {
      if (alone.has('id' in work ? work.id : work.lane)) return true;
      const again =
        'id' in work
          ? left.has(work.id)
          : this.#isMore(work.lane, handled.get(work.lane) ?? 0, takenOfEach(lanes.length), left);
      // What was not there was handled before it was heard of, or another replica has it.
      if (again) this.#queue.push(work);
      else if ('id' in work) this.#queuedIds.delete(work.id);
      else this.#lanes.delete(work.lane);
      return false;
    });
  }

  /** After so many of a lane's events, of the most that were `taken`, were handled together. */
  #isMore(lane: string, handled: number, taken: number, left: ReadonlySet<string | number>): boolean {
    const work = this.#lanes.get(lane);
    if (!work) return false;
    const rest = handled === taken && (work.drain || work.expected > handled);
    if (!left.has(lane) && !work.heard && !rest) return false;
    work.expected = Math.max(0, work.expected - handled);
    if (work.expected === 0) work.drain = true;
    return true;
  }

  #queueSweep(waitMs: number): void {
    clearTimeout(this.#sweepTimer);
    if (this.#stopped) return;
    this.#sweepTimer = setTimeout(() => {
      void this.#sweep().finally(() => this.#queueSweep(SWEEP_EVERY_MS));
    }, waitMs);
  }

  async #sweep(): Promise<void> {
    const world = this.#options.world();
    if (!world || !this.#options.database.available) return;
    this.#pump();
    this.#suspecting ??= this.#workSuspects().finally(() => (this.#suspecting = undefined));
    if (this.#queue.length > SWEEP_LIMIT) return;
    try {
      this.wake(await findNew(this.#options.database.query, this.#handler.known(world), SWEEP_LIMIT), true);
    } catch {
      // the database is away; the next sweep looks again
    }
  }

  /**
   * One after another, each alone in its transaction. Several share the count of a try only while none of them was tried: an
   * event that ends the program takes no more than that one from the others.
   */
  async #workSuspects(): Promise<void> {
    const { database, world: current, log } = this.#options;
    try {
      for (;;) {
        if (this.#survived.length > 0) await uncountTries(database.query, this.#survived);
        this.#survived = [];
        const world = current();
        if (this.#stopped || !world || !database.available) return;
        const taken = await takeSuspects(database.query, this.#handler.known(world));
        if (taken.length === 0) return;
        const endMs = performance.now() + SUSPECTS_MS;
        for (const [nth, suspect] of taken.entries()) {
          const isLeft = nth > 0 && (this.#stopped || performance.now() > endMs);
          if (isLeft || !(await this.#workSuspect(suspect))) this.#survived.push(suspect.id);
        }
      }
    } catch (error) {
      // the next sweep goes on
      log.debug({ reason: messageOf(error) }, 'suspected events wait');
    }
  }

  /** False: its try did not end. Never fails. */
  async #workSuspect(suspect: Suspect): Promise<boolean> {
    const { log } = this.#options;
    const { id, lane, deaths } = suspect;
    const ended = await (
      deaths >= MAX_DEATHS
        ? this.#handler.setAside(suspect)
        : this.#handler.attempt((transaction) => beginSuspect(transaction, suspect), id)
    ).catch((error: unknown) => {
      log.debug({ event: id, reason: messageOf(error) }, 'suspected event waits');
      return false;
    });
    if (lane !== null) this.wake([suspect], true);
    return ended;
  }

  async #workEvent(id: number): Promise<void> {
    await this.#handler.attempt((transaction, known) => beginEvent(transaction, id, known), id);
    this.#queuedIds.delete(id);
  }

  async #workLane(lane: string): Promise<void> {
    const work = this.#lanes.get(lane);
    while (work && !this.#stopped && this.#options.database.available) {
      work.expected--;
      work.heard = false;
      const handled = await this.#handler.attempt((transaction, known) => beginLane(transaction, lane, known));
      if (handled ? work.expected <= 0 && !work.drain : !work.heard) break;
    }
    this.#lanes.delete(lane);
  }
}
