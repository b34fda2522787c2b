import type { Logger } from './log.ts';

/** From SIGTERM to gone; what is not done by then is found by the next process. */
const GONE_WITHIN_MS = 14_000;

/** Until it is disposed of, SIGTERM and SIGINT end the process at once; not by default where it is process 1, as in a container. */
export function endingAtOnce(): Disposable {
  const end = (): never => process.exit(1);
  process.on('SIGTERM', end).on('SIGINT', end);
  return { [Symbol.dispose]: () => void process.off('SIGTERM', end).off('SIGINT', end) };
}

/** While `work` runs a signal ends the process at once, and `clear` runs before it is gone. */
export async function withCleanupAtExit<T>(clear: () => void, work: () => Promise<T>): Promise<T> {
  using _ = endingAtOnce();
  process.on('exit', clear);
  try {
    return await work();
  } finally {
    process.off('exit', clear);
  }
}

/**
 * Stops the program on SIGTERM and SIGINT: once in order, a second signal at once. `quick` is true for SIGINT, where a
 * person waits. Before `armed`, a signal ends the process at once.
 */
export function stoppable(log: Logger, stop: (quick: boolean) => Promise<void>): { armed(): void } {
  let stopping = false;
  const unarmed = endingAtOnce();
  const begin = (quick: boolean): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({}, 'stopping');
    setTimeout(() => process.exit(1), GONE_WITHIN_MS).unref();
    stop(quick).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, 'did not stop cleanly');
        process.exit(1);
      },
    );
  };
  return {
    armed() {
      unarmed[Symbol.dispose]();
      process.on('SIGTERM', () => begin(false));
      process.on('SIGINT', () => begin(true));
    },
  };
}
