import { Worker } from 'node:worker_threads';

export interface WorkerOptions {
  /** Limit of the thread's JavaScript heap. */
  readonly heapMb: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a module of this folder in a thread of its own, with `input` as its `workerData`, so that the bot stays responsive.
 * Resolves to the first message that the module posts. Rejects when it throws, runs out of heap or the signal aborts.
 */
export function runInWorker<Result>(
  module: string,
  input: unknown,
  { heapMb, signal }: WorkerOptions,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL(module, import.meta.url), {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    const stop = (): void => void worker.terminate();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', (result: Result) => resolve(result));
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error(`${module} was stopped before it finished`));
    });
  });
}
