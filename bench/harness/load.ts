import { Helper } from './child.ts';
import type { Bodies } from './body.ts';

export interface LoadOrder {
  readonly url: string;
  readonly token?: string;
  readonly bodies: Bodies;
  readonly shape:
    /** The next one is sent a pause after the homeserver accepted the message about the previous one. */
    | { readonly type: 'one by one'; readonly pauseMs: number; readonly homeserver: string }
    | { readonly type: 'at once'; readonly atOnce: number }
    | { readonly type: 'steady'; readonly perSecond: number };
}

/** Times are `monotonicMs`, by body number. */
export interface LoadResult {
  readonly startedMs: readonly number[];
  readonly answeredMs: readonly number[];
  /** Responses other than 200, and connection errors. */
  readonly refused: readonly string[];
  /** When the homeserver accepted the message about each; only for those sent one by one. */
  readonly takenMs: readonly number[];
}

/** The load generator, in its own process. */
export class Load {
  readonly #helper = new Helper('./load-process.ts', {});

  /** @throws if anything was rejected, because such a run is not a valid measurement. */
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
