import type { Accepted } from '../events/event.ts';

/** An event without a lane, or whatever comes next in a lane. */
export interface Work {
  readonly id: number;
  readonly lane: string | null;
  line: WorkQueue;
  /** Of a lane: events heard of and not handled yet. */
  expected: number;
  /** There may be more than was heard of. */
  drain: boolean;
  /** Something was heard of since it was taken. */
  heard: boolean;
}

/** Work of one sort, in order. */
export interface WorkQueue {
  waiting: Work[];
  /** How many take from it now, and how many may. */
  takers: number;
  readonly maxTakers: number;
  /** How much of it one transaction takes. */
  readonly batch: number;
  /** `skill name` of the webhook it belongs to. */
  readonly webhook: string | null;
}

export interface Turn {
  readonly line: WorkQueue;
  readonly works: readonly [Work, ...Work[]];
}

/** Calls of one webhook share a transaction, up to so many, and two such run side by side. */
const CALLS = 32;
const WEBHOOK_TAKERS = 2;

/** What waits to be handled: each event and each lane once, what people say before everything else. */
export class WorkQueues {
  readonly #people = newLine(null);
  readonly #alone = newLine(null);
  /** All but what people say; whose turn it is comes first. */
  readonly #others = new Map<string | null, WorkQueue>([[null, this.#alone]]);
  readonly #works = new Map<string | number, Work>();

  get length(): number {
    return [this.#people, ...this.#others.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** `drain`: there may be more in its lane than was heard of. */
  add(
    { id, lane, webhook = null }: Accepted,
    { urgent, drain }: { readonly urgent: boolean; readonly drain: boolean },
  ) {
    const known = this.#works.get(lane ?? id);
    if (!known) {
      const line = urgent ? this.#people : this.#lineOf(webhook);
      const work = { id, lane, line, expected: 1, drain, heard: false };
      this.#works.set(lane ?? id, work);
      line.waiting.push(work);
    } else if (drain) known.drain = true;
    else if (lane !== null) {
      known.expected++;
      known.heard = true;
    }
  }

  /** What is to be handled next, in one transaction; `others`: also what nobody said. `ended` must follow for each work. */
  take(others: boolean): Turn | undefined {
    if (this.#people.waiting.length > 0) return takeFrom(this.#people);
    if (!others) return undefined;
    for (const [webhook, line] of this.#others) {
      if (line.waiting.length === 0 || line.takers >= line.maxTakers) continue;
      this.#others.delete(webhook);
      this.#others.set(webhook, line);
      return takeFrom(line);
    }
    return undefined;
  }

  /** `none`: it was handled before it was heard of, or somebody else has it. `left`: it is still there. */
  ended(work: Work, outcome: 'handled' | 'none' | 'left'): void {
    if (outcome === 'handled') work.expected--;
    const isMore = work.lane !== null && (outcome === 'handled' ? work.expected > 0 || work.drain : work.heard);
    if (outcome === 'left' || isMore) work.line.waiting.push(work);
    else this.#works.delete(work.lane ?? work.id);
  }

  /** It is to be handled by itself from now on. */
  setApart(work: Work): void {
    work.line = this.#alone;
    work.line.waiting.push(work);
  }

  /** What is being handled goes on. */
  clear(): void {
    for (const line of [this.#people, ...this.#others.values()]) {
      for (const work of line.waiting) this.#works.delete(work.lane ?? work.id);
      line.waiting = [];
    }
  }

  #lineOf(webhook: string | null): WorkQueue {
    let line = this.#others.get(webhook);
    if (!line) this.#others.set(webhook, (line = newLine(webhook)));
    return line;
  }
}

function newLine(webhook: string | null): WorkQueue {
  const limits = webhook === null ? { maxTakers: Infinity, batch: 1 } : { maxTakers: WEBHOOK_TAKERS, batch: CALLS };
  return { waiting: [], takers: 0, ...limits, webhook };
}

function takeFrom(line: WorkQueue): Turn | undefined {
  const [first, ...rest] = line.waiting.splice(0, line.batch);
  if (!first) return undefined;
  line.takers++;
  for (const work of [first, ...rest]) work.heard = false;
  return { line, works: [first, ...rest] };
}
