import type { Logger } from './log.ts';

/** Maximum time from SIGTERM to exit; the next process finds unfinished work. */
const EXIT_WITHIN_MS = 14_000;

/** Until disposed, SIGTERM and SIGINT exit the process at once, which is not the default for process 1 in a container. */
export function exitOnSignal(): Disposable {
  const end = (): never => process.exit(1);
  process.on('SIGTERM', end).on('SIGINT', end);
  return { [Symbol.dispose]: () => void process.off('SIGTERM', end).off('SIGINT', end) };
}

/** While `work` runs, a signal exits the process at once, after running `clear`. */
export async function withCleanupAtExit<T>(clear: () => void, work: () => Promise<T>): Promise<T> {
  using _ = exitOnSignal();
  process.on('exit', clear);
  try {
    return await work();
  } finally {
    process.off('exit', clear);
  }
}

/**
 * Stops the program on SIGTERM and SIGINT: gracefully on the first signal, at once on the second. `quick` is true for SIGINT, when a
 * person is waiting. Before `armed`, a signal exits the process at once.
 */
export function stoppable(log: Logger, stop: (quick: boolean) => Promise<void>): { armed(): void } {
  let stopping = false;
  const unarmed = exitOnSignal();
  const begin = (quick: boolean): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({}, 'stopping');
    setTimeout(() => process.exit(1), EXIT_WITHIN_MS).unref();
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
