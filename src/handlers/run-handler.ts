import type { RevocableContext } from './context.ts';

/** Time limit of a handler. */
export const HANDLER_TIMEOUT_MS = 5000;

/** The cause may be the handler, or a stalled database or machine, so the event is retried a few times. */
class HandlerTimeout extends Error {
  readonly code = 'WB_HANDLER_TIMEOUT';
}

/**
 * Runs a handler for at most `timeoutMs` and revokes its context when it settles.
 * @throws what the handler throws, or that it took too long.
 */
export async function runHandler<T>(
  revocable: Pick<RevocableContext, 'revoke'>,
  handler: () => T | Promise<T>,
  timeoutMs = HANDLER_TIMEOUT_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      (async () => handler())(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new HandlerTimeout(`the handler took longer than ${timeoutMs / 1000} s`)),
          timeoutMs,
        );
      }),
    ]);
  } finally {
    clearTimeout(timer);
    revocable.revoke();
  }
}
