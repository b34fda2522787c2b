import type { Chance, Endpoint, Fault, FaultKind } from './types.ts';

const WRITES: readonly Endpoint[] = ['send', 'edit', 'react', 'redact'];

/** Faults, on demand or by seeded chance. */
export class Faults {
  /** Requests that met a fault. */
  met = 0;
  private queue: { fault: Fault; left: number }[] = [];
  private chances: { chance: Chance; random: () => number }[] = [];

  /** The next matching request fails this way; several faults are queued. */
  next(fault: Fault): void {
    this.queue.push({ fault, left: fault.times ?? 1 });
  }

  /** Faults that no request has met yet. */
  get waiting(): number {
    return this.queue.reduce((sum, { left }) => sum + left, 0);
  }

  /** Adds random faults until `clear`. */
  chance(chance: Chance): void {
    this.chances.push({ chance, random: seeded(chance.seed) });
  }

  clear(): void {
    this.queue = [];
    this.chances = [];
  }

  /** Removes and returns the fault for this request, if any. */
  take(endpoint: Endpoint, user: string | undefined): Fault | undefined {
    const fault = this.choose(endpoint, user);
    if (fault) this.met += 1;
    return fault;
  }

  private choose(endpoint: Endpoint, user: string | undefined): Fault | undefined {
    if (this.queue.length === 0 && this.chances.length === 0) return undefined;
    const index = this.queue.findIndex(({ fault }) => hits(fault.on ?? usual(fault.kind), endpoint, fault.user, user));
    const queued = this.queue[index];
    if (queued) {
      queued.left -= 1;
      if (queued.left <= 0) this.queue.splice(index, 1);
      return queued.fault;
    }
    for (const { chance, random } of this.chances) {
      let dice: number | undefined;
      for (const [kind, odds] of Object.entries(chance.odds) as [FaultKind, number][]) {
        if (!hits(chance.on ?? usual(kind), endpoint, chance.user, user)) continue;
        dice ??= random();
        if (dice < odds) return { kind, retryAfterMs: chance.retryAfterMs };
        dice -= odds;
      }
    }
    return undefined;
  }
}

function usual(kind: FaultKind): readonly Endpoint[] {
  return kind === 'gap' || kind === 'redeliver' ? ['sync'] : WRITES;
}

function hits(
  on: readonly Endpoint[],
  endpoint: Endpoint,
  wanted: string | undefined,
  user: string | undefined,
): boolean {
  return on.includes(endpoint) && (wanted === undefined || wanted === user);
}

/** Mulberry32: small and deterministic. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
