import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../errors.ts';
import type { RateLimited } from '../connector.ts';
import { classified } from './failures.ts';

/** How long to wait after a number of consecutive failures; half of it is random. */
export function pauseMs(failures: number, firstMs: number, longestMs: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20));
  return full / 2 + (Math.random() * full) / 2;
}

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** Deadline, by `performance.now()`. */
  readonly untilMs?: number | undefined;
  /** Called with each failure. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Retries until it succeeds; undefined: the deadline has passed.
 * @throws {Unauthorised} {Rejected} because retrying would not help. The signal's reason.
 */
export async function retry<T>(
  work: () => Promise<T>,
  { signal, untilMs = Number.POSITIVE_INFINITY, onFailure }: RetryOptions,
): Promise<T | undefined> {
  for (let failures = 0; performance.now() < untilMs; failures++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const failure = classified(error);
      const code = codeOf(failure);
      if (code === 'WB_UNAUTHORISED' || code === 'WB_REJECTED') throw failure;
      onFailure?.(failure);
      const leastMs = code === 'WB_RATE_LIMITED' ? (failure as RateLimited).retryAfterMs : 0;
      const waitMs = Math.max(leastMs, pauseMs(failures, 50, 5_000));
      await sleep(Math.max(1, Math.min(waitMs, untilMs - performance.now())), undefined, { signal });
    }
  }
  return undefined;
}
