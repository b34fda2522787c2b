import type { Chance, Fault, FaultKind } from './types.ts';

const WRITES: readonly string[] = [
  'chat.postMessage',
  'chat.update',
  'chat.delete',
  'chat.postEphemeral',
  'reactions.add',
  'reactions.remove',
];

/** Faults on demand, or by seeded chance. */
export class Faults {
  /** Requests that met a fault. */
  met = 0;
  private queue: { fault: Fault; left: number }[] = [];
  private chances: { chance: Chance; random: () => number }[] = [];

  /** Makes the next matching request fail this way; several faults are queued. */
  next(fault: Fault): void {
    this.queue.push({ fault, left: fault.times ?? 1 });
  }

  /** Faults that no request has met yet. */
  get waiting(): number {
    return this.queue.reduce((sum, { left }) => sum + left, 0);
  }

  /** Adds faults by chance until `clear`. */
  chance(chance: Chance): void {
    this.chances.push({ chance, random: seeded(chance.seed) });
  }

  clear(): void {
    this.queue = [];
    this.chances = [];
  }

  /** Takes the fault that this request meets, if any. */
  take(method: string, channel: string | undefined): Fault | undefined {
    const fault = this.choose(method, channel);
    if (fault) this.met += 1;
    return fault;
  }

  private choose(method: string, channel: string | undefined): Fault | undefined {
    const index = this.queue.findIndex(
      ({ fault }) =>
        (fault.on ?? WRITES).includes(method) && (fault.channel === undefined || fault.channel === channel),
    );
    const queued = this.queue[index];
    if (queued) {
      queued.left -= 1;
      if (queued.left <= 0) this.queue.splice(index, 1);
      return queued.fault;
    }
    for (const { chance, random } of this.chances) {
      if (!(chance.on ?? WRITES).includes(method)) continue;
      let dice = random();
      for (const [kind, odds] of Object.entries(chance.odds) as [FaultKind, number][]) {
        if (dice < odds) return { ...chance, kind };
        dice -= odds;
      }
    }
    return undefined;
  }
}

/** Mulberry32: small, and deterministic on every platform. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
