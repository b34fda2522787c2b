import { randomUUID } from 'node:crypto';
import type { Transaction } from '../db/database.ts';
import type { Committed, Observed } from '../events/committed.ts';
import { insertEvents, type NewEvent } from '../events/event.ts';
import { lockMessages, writeIntents } from '../messages/write-intents.ts';
import { mergeIntents, type MessageIntent } from '../messages/message-intent.ts';
import { writeTasks, type NewTask } from '../tasks/task.ts';
import { cancelTimers, writeTimers, type NewTimer } from '../timers/timer.ts';

/**
 * The effects of a handler, collected while it runs and written in a few statements at the end: timers, then tasks and events,
 * then messages, which is also the order in which locks are taken.
 */
export class Outbox {
  #intents: MessageIntent[] = [];
  #timers = new Map<string, NewTimer | null>();
  #tasks: NewTask[] = [];
  #wakesTasks = false;
  #events: NewEvent[] = [];
  #observed: Observed[] = [];
  #changed: string[] = [];

  /** Remembers the current content, for `rewind`. */
  mark(): () => void {
    const [intents, timers, tasks, events, observed] = [
      [...this.#intents],
      new Map(this.#timers),
      [...this.#tasks],
      [...this.#events],
      [...this.#observed],
    ];
    const changed = [...this.#changed];
    return () => {
      [this.#intents, this.#timers, this.#tasks, this.#events] = [intents, timers, tasks, events];
      [this.#observed, this.#changed] = [observed, changed];
    };
  }

  rewind(to: () => void): void {
    to();
  }

  intend(intents: MessageIntent): void {
    this.#intents.push(intents);
  }

  /** What this handler has posted under a key and is not yet written. */
  intentUnder(connector: string, room: string, skill: string, key: string): MessageIntent | undefined {
    return this.#intents.findLast(
      (one) => one.connector === connector && one.room === room && one.skill === skill && one.key === key,
    );
  }

  timer(skill: string, key: string, timer: Omit<NewTimer, 'id' | 'skill' | 'key'> | null): void {
    this.#timers.set(`${skill}\n${key}`, timer && { id: randomUUID(), skill, key, ...timer });
  }

  task(task: NewTask): void {
    this.#tasks.push(task);
  }

  /** Tasks were queued or cancelled in this transaction. */
  wakeTasks(): void {
    this.#wakesTasks = true;
  }

  event(event: NewEvent): void {
    this.#events.push(event);
  }

  change(query: string): void {
    this.#changed.push(query);
  }

  observe(histogram: string, value: number): void {
    this.#observed.push({ histogram, value });
  }

  /**
   * Writes everything in one round trip, or in two if messages with keys may exist already. `last` ends the transaction and goes
   * with the last round trip. @throws if something cannot be sent, before `last` is, and on database errors.
   */
  async write(transaction: Transaction, last?: () => Promise<void>): Promise<Committed> {
    const { query } = transaction;
    const intents = mergeIntents(this.#intents);
    const set = [...this.#timers.values()].filter((timer) => timer !== null);
    const cancelled = Map.groupBy(
      [...this.#timers].filter(([, timer]) => timer === null).map(([id]) => id.split('\n')),
      ([skill]) => skill ?? '',
    );
    const timersAt = set.length > 0 ? new Date(Math.min(...set.map((timer) => timer.dueAt.getTime()))) : undefined;
    // Pipelined: they run in this order.
    const first = [...cancelled].map(([skill, keys]) =>
      cancelTimers(
        query,
        skill,
        keys.map(([, key]) => key ?? ''),
      ),
    );
    if (set.length > 0) first.push(writeTimers(query, set));
    if (this.#tasks.length > 0) first.push(writeTasks(query, this.#tasks));
    const events = this.#events.length > 0 ? insertEvents(query, this.#events) : [];
    const before = Promise.all([events, ...first]);
    // Awaited below; an error here also fails the statements that follow in this transaction.
    before.catch(() => {});
    const existing = await lockMessages(query, intents);
    const [[accepted], rooms] = await Promise.all([before, writeIntents(query, intents, existing), last?.()]);
    const tasks = this.#wakesTasks || this.#tasks.length > 0;
    return { rooms, timersAt, tasks, events: accepted, observed: this.#observed, changed: this.#changed };
  }
}
