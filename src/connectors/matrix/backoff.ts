import { setTimeout as sleep } from 'node:timers/promises';

/** Growing pauses between retries: doubled each time up to `maxMs`, with jitter so that replicas do not retry together. */
export class Backoff {
  private readonly firstMs: number;
  private readonly maxMs: number;
  private tries = 0;

  constructor(firstMs: number, maxMs: number) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
  }

  reset(): void {
    this.tries = 0;
  }

  /** Waits at least `leastMs`, which the server may have requested. Rejects when the signal aborts. */
  async wait(signal: AbortSignal, leastMs = 0): Promise<void> {
    const full = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.tries, 20));
    this.tries += 1;
    await sleep(Math.max(leastMs, full / 2 + (Math.random() * full) / 2), undefined, { signal });
  }
}
