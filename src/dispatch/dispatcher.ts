import { messageOf } from '../errors.ts';
import { beginEvent, beginLane, findNew, type Accepted } from '../events/event.ts';
import { beginSuspect, takeSuspects, uncountTries, type Suspect } from '../events/suspects.ts';
import { EventHandler, type HandlerOptions } from './event-handler.ts';
import { WorkQueues, type Turn, type Work } from './work-queues.ts';

/** While senders wait for their 200, accepting goes first: alone for a second, then with some handling beside it. */
const WORKERS = { none: 8, burst: 0, long: 3 };
const WORKERS_FOR_PEOPLE = 2;
const SWEEP_EVERY_MS = 1000;
const SWEEP_LIMIT = 1000;
/** So often a program may die while it handles one event; then a person has to look. */
const MAX_DEATHS = 3;
/** Of several taken at once; the rest is left before another replica may take it. */
const SUSPECTS_MS = 1000;

export interface DispatcherOptions extends Omit<HandlerOptions, 'onBack'> {
  readonly pressure: () => 'none' | 'burst' | 'long';
}

/**
 * Decides which accepted events are handled when: each in a transaction of its own, or the waiting calls of one webhook in
 * one. Woken by whoever accepted them; a sweep each second takes what is left over from a crash, from another replica, or
 * from a full queue.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #handler: EventHandler;
  readonly #lines = new WorkQueues();
  #working = 0;
  #stopped = true;
  #suspecting: Promise<void> | undefined;
  /** Suspected events whose try did not end, in a program that goes on. */
  #survived: number[] = [];
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#handler = new EventHandler({
      ...options,
      onBack: (back) => this.#add([back], { urgent: true, drain: true }),
    });
    options.database.onAvailability((available) => {
      // Nothing in memory is trusted after the database was away; the sweep finds what is there.
      if (available) this.#queueSweep(0);
      else this.#lines.clear();
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
    this.#lines.clear();
    await this.#suspecting;
    while (this.#working > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** `drain`: there may be more in a lane than was heard of. */
  wake(accepted: readonly Accepted[], drain = false): void {
    this.#add(accepted, { urgent: false, drain });
  }

  /** What people say goes before everything else. */
  wakeFirst(accepted: readonly Accepted[]): void {
    this.#add(accepted, { urgent: true, drain: false });
  }

  get backlog(): number {
    return this.#lines.length + this.#working;
  }

  #add(accepted: readonly Accepted[], how: { readonly urgent: boolean; readonly drain: boolean }): void {
    if (this.#stopped) return;
    for (const one of accepted) this.#lines.add(one, how);
    this.#pump();
  }

  #pump(): void {
    const { registry, database, pressure } = this.#options;
    while (!this.#stopped && registry() && database.available && this.#working < WORKERS.none + WORKERS_FOR_PEOPLE) {
      const turn = this.#lines.take(this.#working < WORKERS[pressure()]);
      if (!turn) return;
      this.#working++;
      void this.#work(turn).finally(() => {
        this.#working--;
        turn.line.takers--;
        this.#pump();
      });
    }
  }

  async #work({ line, works }: Turn): Promise<void> {
    const [work, ...more] = works;
    if (line.webhook === null || more.length === 0) return this.#workAlone(work);
    const outcome = await this.#handler.attemptCalls(line.webhook, works);
    for (const one of works) {
      const key = one.lane ?? one.id;
      if (!outcome) this.#lines.setApart(one);
      else this.#lines.ended(one, outcome.handled.has(key) ? 'handled' : outcome.left.has(key) ? 'left' : 'none');
    }
  }

  async #workAlone(work: Work): Promise<void> {
    const { id, lane } = work;
    const handled = await this.#handler.attempt(
      (transaction, known) =>
        lane === null ? beginEvent(transaction, id, known) : beginLane(transaction, lane, known),
      lane === null ? id : undefined,
    );
    this.#lines.ended(work, handled ? 'handled' : 'none');
  }

  #queueSweep(waitMs: number): void {
    clearTimeout(this.#sweepTimer);
    if (this.#stopped) return;
    this.#sweepTimer = setTimeout(() => {
      void this.#sweep().finally(() => this.#queueSweep(SWEEP_EVERY_MS));
    }, waitMs);
  }

  async #sweep(): Promise<void> {
    const registry = this.#options.registry();
    if (!registry || !this.#options.database.available) return;
    this.#pump();
    this.#suspecting ??= this.#workSuspects().finally(() => (this.#suspecting = undefined));
    if (this.#lines.length > SWEEP_LIMIT) return;
    try {
      this.wake(await findNew(this.#options.database.query, this.#handler.known(registry), SWEEP_LIMIT), true);
    } catch {
      // the database is away; the next sweep looks again
    }
  }

  /**
   * One after another, each alone in its transaction. Several share the count of a try only while none of them was tried: an
   * event that ends the program takes no more than that one from the others.
   */
  async #workSuspects(): Promise<void> {
    const { database, registry: current, log } = this.#options;
    try {
      for (;;) {
        if (this.#survived.length > 0) await uncountTries(database.query, this.#survived);
        this.#survived = [];
        const registry = current();
        if (this.#stopped || !registry || !database.available) return;
        const taken = await takeSuspects(database.query, this.#handler.known(registry));
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
}
