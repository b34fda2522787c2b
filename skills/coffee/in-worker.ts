import { Worker } from 'node:worker_threads';
import type { Pairing } from './pairing.ts';
import type { RoundInput } from './roster.ts';

/** The whole round for 5,000 people takes 150 MB of it. */
const MEMORY_MB = 300;

/** Computes a round in a thread of its own: it may take seconds, in which the bot goes on. Rejects when the signal aborts. */
export function pairInWorker(input: RoundInput, signal: AbortSignal): Promise<Pairing> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pair-thread.ts', import.meta.url), {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    const stop = (): void => void worker.terminate();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', (pairing: Pairing) => resolve(pairing));
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error('the computation was stopped'));
    });
  });
}
