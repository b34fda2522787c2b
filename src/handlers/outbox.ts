import { randomUUID } from 'node:crypto';
import type { Transaction } from '../db/database.ts';
import type { Committed, Observed } from '../events/committed.ts';
import { insertEvents, type NewEvent } from '../events/event.ts';
import { lockMessages, mergeIntents, writeIntents, type MessageIntent } from '../messages/message-intent.ts';
import { writeTasks, type NewTask } from '../tasks/task.ts';
import { cancelTimers, writeTimers, type NewTimer } from '../timers/timer.ts';

/**
 * What a handler said should happen, collected while it runs and written in a few statements at its end: timers, then
 * tasks and events, then messages, which is also the order in which locks are taken.
 */
export class Outbox {
  #intents: MessageIntent[] = [];
  #timers = new Map<string, NewTimer | null>();
  #tasks: NewTask[] = [];
  #wakesTasks = false;
  #events: NewEvent[] = [];
  #observed: Observed[] = [];
  #changed: string[] = [];

  /** What has been said so far, for `rewind`. */
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

  /** What this handler already wants under a key, not yet written. */
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
   * Sends everything: in one go, or two where messages change that may be there already. `last` ends the transaction, and
   * leaves with the second. @throws for what cannot be sent, before `last` is, or for what the database says.
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
    // They run in this order.
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
    // It is awaited below; what fails meanwhile fails what follows in the same transaction.
    before.catch(() => {});
    const standing = await lockMessages(query, intents);
    const [[accepted], rooms] = await Promise.all([before, writeIntents(query, intents, standing), last?.()]);
    const tasks = this.#wakesTasks || this.#tasks.length > 0;
    return { rooms, timersAt, tasks, events: accepted, observed: this.#observed, changed: this.#changed };
  }
}
