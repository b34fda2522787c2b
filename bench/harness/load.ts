import { Helper } from './child.ts';
import type { Bodies } from './body.ts';

export interface LoadOrder {
  readonly url: string;
  readonly token?: string;
  readonly bodies: Bodies;
  readonly shape:
    /** The next is sent a pause after the homeserver took the message about the one before. */
    | { readonly type: 'one by one'; readonly pauseMs: number; readonly homeserver: string }
    | { readonly type: 'at once'; readonly atOnce: number }
    | { readonly type: 'steady'; readonly perSecond: number };
}

/** Times are `monotonicMs`, by the number of the body. */
export interface LoadResult {
  readonly startedMs: readonly number[];
  readonly answeredMs: readonly number[];
  /** Answers other than 200, and why connections broke. */
  readonly refused: readonly string[];
  /** When the homeserver took the message about each; only of those sent one by one. */
  readonly takenMs: readonly number[];
}

/** The load generator in a process of its own. */
export class Load {
  readonly #helper = new Helper('./load-process.ts', {});

  /** @throws when anything was refused: such a run measures nothing. */
  async send(order: LoadOrder): Promise<LoadResult> {
    const result = await this.#helper.order<LoadResult>(order);
    const [first] = result.refused;
    if (first !== undefined)
      throw new Error(
        `${result.refused.length} of ${order.bodies.count} webhooks were not answered 200, the first with ${first}`,
      );
    return result;
  }

  stop(): Promise<void> {
    return this.#helper.stop();
  }
}

export function perSecond(result: LoadResult): number {
  const first = Math.min(...result.startedMs);
  const last = Math.max(...result.answeredMs);
  return (result.startedMs.length * 1000) / (last - first);
}

export function takenAfterMs(result: LoadResult): number[] {
  return result.takenMs.map((taken, index) => taken - (result.startedMs[index] ?? Number.NaN));
}

export function answerTimesMs(result: LoadResult): number[] {
  return result.startedMs.map((started, index) => (result.answeredMs[index] ?? Number.NaN) - started);
}
