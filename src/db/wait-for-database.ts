import { codeOf, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/**
 * A bot and its database often start together: one that does not answer yet is waited for, however long that takes.
 * Resolves to undefined when that was given up while it waited.
 */
export async function waitForDatabase<T>(
  log: Logger,
  work: () => Promise<T>,
  abort?: AbortSignal,
): Promise<{ readonly answer: T } | undefined> {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2000)) {
    try {
      return { answer: await work() };
    } catch (error) {
      if (codeOf(error) !== 'WB_DATABASE_AWAY') throw error;
      if (waitMs === 100) log.warn({ reason: messageOf(error) }, 'database does not answer yet; waiting');
    }
    if (abort?.aborted) return undefined;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
