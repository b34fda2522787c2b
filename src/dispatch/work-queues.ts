import type { Accepted } from '../events/event.ts';

/** An event without a lane, or the next event of a lane. */
export interface Work {
  readonly id: number;
  readonly lane: string | null;
  queue: WorkQueue;
  /** For a lane: events added and not handled yet. */
  expected: number;
  /** There may be more events than were added. */
  drain: boolean;
  /** An event was added since it was taken. */
  woken: boolean;
}

/** Work of one kind, in order. */
export interface WorkQueue {
  waiting: Work[];
  /** Turns in progress, and the most at a time. */
  active: number;
  readonly maxActive: number;
  /** Most works in one transaction. */
  readonly batch: number;
  /** `skill name` of the webhook it belongs to, if any. */
  readonly webhook: string | null;
}

export interface Turn {
  readonly queue: WorkQueue;
  readonly works: readonly [Work, ...Work[]];
}

/** Most calls of one webhook in a transaction, and most such transactions at a time. */
const MAX_CALLS = 32;
const MAX_WEBHOOK_TURNS = 2;

/** Events waiting to be handled: each event and each lane once, those from people before all others. */
export class WorkQueues {
  readonly #people = newQueue(null);
  readonly #alone = newQueue(null);
  /** All but those from people, the next one first. */
  readonly #others = new Map<string | null, WorkQueue>([[null, this.#alone]]);
  readonly #works = new Map<string | number, Work>();

  get length(): number {
    return [this.#people, ...this.#others.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** `drain`: its lane may contain more events. */
  add(
    { id, lane, webhook = null }: Accepted,
    { urgent, drain }: { readonly urgent: boolean; readonly drain: boolean },
  ) {
    const known = this.#works.get(lane ?? id);
    if (!known) {
      const queue = urgent ? this.#people : this.#queueOf(webhook);
      const work = { id, lane, queue, expected: 1, drain, woken: false };
      this.#works.set(lane ?? id, work);
      queue.waiting.push(work);
    } else if (drain) known.drain = true;
    else if (lane !== null) {
      known.expected++;
      known.woken = true;
    }
  }

  /** Takes what to handle next, in one transaction. `others`: not only events from people. Call `ended` for each work. */
  take(others: boolean): Turn | undefined {
    if (this.#people.waiting.length > 0) return takeFrom(this.#people);
    if (!others) return undefined;
    for (const [webhook, queue] of this.#others) {
      if (queue.waiting.length === 0 || queue.active >= queue.maxActive) continue;
      this.#others.delete(webhook);
      this.#others.set(webhook, queue);
      return takeFrom(queue);
    }
    return undefined;
  }

  /** `none`: it was handled already, or another replica has it. `left`: it is still waiting. */
  ended(work: Work, outcome: 'handled' | 'none' | 'left'): void {
    if (outcome === 'handled') work.expected--;
    const isMore = work.lane !== null && (outcome === 'handled' ? work.expected > 0 || work.drain : work.woken);
    if (outcome === 'left' || isMore) work.queue.waiting.push(work);
    else this.#works.delete(work.lane ?? work.id);
  }

  /** Queues it to be handled alone. */
  queueAlone(work: Work): void {
    work.queue = this.#alone;
    work.queue.waiting.push(work);
  }

  /** Clears the queues; turns in progress continue. */
  clear(): void {
    for (const queue of [this.#people, ...this.#others.values()]) {
      for (const work of queue.waiting) this.#works.delete(work.lane ?? work.id);
      queue.waiting = [];
    }
  }

  #queueOf(webhook: string | null): WorkQueue {
    let queue = this.#others.get(webhook);
    if (!queue) this.#others.set(webhook, (queue = newQueue(webhook)));
    return queue;
  }
}

function newQueue(webhook: string | null): WorkQueue {
  const limits =
    webhook === null ? { maxActive: Infinity, batch: 1 } : { maxActive: MAX_WEBHOOK_TURNS, batch: MAX_CALLS };
  return { waiting: [], active: 0, ...limits, webhook };
}

function takeFrom(queue: WorkQueue): Turn | undefined {
  const [first, ...rest] = queue.waiting.splice(0, queue.batch);
  if (!first) return undefined;
  queue.active++;
  for (const work of [first, ...rest]) work.woken = false;
  return { queue, works: [first, ...rest] };
}
