import { messageOf } from '../errors.ts';
import { beginEvent, beginLane, findNew, type Accepted } from '../events/event.ts';
import { beginSuspect, takeSuspects, uncountTries, type Suspect } from '../events/suspects.ts';
import { EventHandler, type HandlerOptions } from './event-handler.ts';
import { WorkQueues, type Turn, type Work } from './work-queues.ts';

/** Most concurrent handlers. While senders wait for their 200, accepting has priority: none for a second, then a few. */
const WORKERS = { none: 8, burst: 0, long: 3 };
const WORKERS_FOR_PEOPLE = 2;
const SWEEP_EVERY_MS = 1000;
const SWEEP_LIMIT = 1000;
/** After this many crashes while handling an event, it fails, and a person has to look at it. */
const MAX_DEATHS = 3;
/** Time for suspects that were taken together; the rest is released before another replica may take it. */
const SUSPECTS_MS = 1000;

export interface DispatcherOptions extends Omit<HandlerOptions, 'onUnparked'> {
  readonly pressure: () => 'none' | 'burst' | 'long';
}

/**
 * Schedules the handling of accepted events: each in its own transaction, or the waiting calls of one webhook in one. Woken by
 * whoever accepts events; a sweep each second picks up what was left by a crash, another replica or a full queue.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #handler: EventHandler;
  readonly #queues = new WorkQueues();
  #working = 0;
  #stopped = true;
  #suspecting: Promise<void> | undefined;
  /** Suspected events whose attempt did not complete, although the process survived. */
  #survived: number[] = [];
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#handler = new EventHandler({
      ...options,
      onUnparked: (event) => this.#add([event], { urgent: true, drain: true }),
    });
    options.database.onAvailability((available) => {
      // After an outage nothing in memory is trusted; the sweep finds what there is.
      if (available) this.#queueSweep(0);
      else this.#queues.clear();
    });
  }

  start(): void {
    this.#stopped = false;
    this.#queueSweep(0);
  }

  /** Starts nothing new; resolves when running handlers have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#sweepTimer);
    this.#queues.clear();
    await this.#suspecting;
    while (this.#working > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** `drain`: a lane may contain more events than these. */
  wake(accepted: readonly Accepted[], drain = false): void {
    this.#add(accepted, { urgent: false, drain });
  }

  /** For events from people, which go before everything else. */
  wakeFirst(accepted: readonly Accepted[]): void {
    this.#add(accepted, { urgent: true, drain: false });
  }

  get backlog(): number {
    return this.#queues.length + this.#working;
  }

  #add(accepted: readonly Accepted[], how: { readonly urgent: boolean; readonly drain: boolean }): void {
    if (this.#stopped) return;
    for (const one of accepted) this.#queues.add(one, how);
    this.#pump();
  }

  #pump(): void {
    const { registry, database, pressure } = this.#options;
    while (!this.#stopped && registry() && database.available && this.#working < WORKERS.none + WORKERS_FOR_PEOPLE) {
      const turn = this.#queues.take(this.#working < WORKERS[pressure()]);
      if (!turn) return;
      this.#working++;
      void this.#work(turn).finally(() => {
        this.#working--;
        turn.queue.active--;
        this.#pump();
      });
    }
  }

  async #work({ queue, works }: Turn): Promise<void> {
    const [work, ...more] = works;
    if (queue.webhook === null || more.length === 0) return this.#workAlone(work);
    const outcome = await this.#handler.attemptCalls(queue.webhook, works);
    for (const one of works) {
      const key = one.lane ?? one.id;
      if (!outcome) this.#queues.queueAlone(one);
      else this.#queues.ended(one, outcome.handled.has(key) ? 'handled' : outcome.left.has(key) ? 'left' : 'none');
    }
  }

  async #workAlone(work: Work): Promise<void> {
    const { id, lane } = work;
    const handled = await this.#handler.attempt(
      (transaction, known) =>
        lane === null ? beginEvent(transaction, id, known) : beginLane(transaction, lane, known),
      lane === null ? id : undefined,
    );
    this.#queues.ended(work, handled ? 'handled' : 'none');
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
    if (this.#queues.length > SWEEP_LIMIT) return;
    try {
      this.wake(await findNew(this.#options.database.query, this.#handler.known(registry), SWEEP_LIMIT), true);
    } catch {
      // the database is unreachable; the next sweep retries
    }
  }

  /**
   * Handles suspected events one after another, each in its own transaction. Attempts are counted for several at once only while
   * none of them has been attempted: an event that crashes the process costs the others no more than that one attempt.
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
      // the next sweep continues
      log.debug({ reason: messageOf(error) }, 'suspected events are left for later');
    }
  }

  /** False: the attempt did not complete. Never fails. */
  async #workSuspect(suspect: Suspect): Promise<boolean> {
    const { log } = this.#options;
    const { id, lane, deaths } = suspect;
    const ended = await (
      deaths >= MAX_DEATHS
        ? this.#handler.quarantine(suspect)
        : this.#handler.attempt((transaction) => beginSuspect(transaction, suspect), id)
    ).catch((error: unknown) => {
      log.debug({ event: id, reason: messageOf(error) }, 'suspected event is left for later');
      return false;
    });
    if (lane !== null) this.wake([suspect], true);
    return ended;
  }
}
