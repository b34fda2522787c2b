/** For so long after a refusal a room counts as throttled: storms are folded and taps are not offered. */
const THROTTLED_MS = 20_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

interface Gate {
  until: number;
  throttledAt: number;
  /** What the platform asked for when it refused last. */
  retryAfterMs: number;
  failures: number;
}

const openGate = (): Gate => ({ until: 0, throttledAt: Number.NEGATIVE_INFINITY, retryAfterMs: 0, failures: 0 });

/** When the next request to a platform may be made: by the configured rate, and by what the platform answered. */
export class Pace {
  readonly #rate: { perSecond: number; burst: number } | undefined;
  readonly #account: Gate = openGate();
  readonly #rooms = new Map<string, Gate>();
  #tokens: number;
  #filledAt = 0;
  #spent = 0;

  constructor(rate: { perSecond: number; burst: number } | undefined) {
    this.#rate = rate;
    this.#tokens = rate?.burst ?? 0;
  }

  /** Milliseconds until a request to this room may be made; 0: now. */
  waitMs(room: string, nowMs: number): number {
    return Math.max(0, this.accountWaitMs(nowMs), (this.#rooms.get(room)?.until ?? 0) - nowMs);
  }

  accountWaitMs(nowMs: number): number {
    return Math.max(0, this.#account.until - nowMs, this.#bucketWaitMs(nowMs));
  }

  #bucketWaitMs(nowMs: number): number {
    if (!this.#rate) return 0;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((nowMs - this.#filledAt) / 1000) * this.#rate.perSecond);
    this.#filledAt = nowMs;
    if (this.#tokens >= 1) return 0;
    this.#account.throttledAt = nowMs;
    return ((1 - this.#tokens) / this.#rate.perSecond) * 1000;
  }

  /** Requests made so far. */
  get spent(): number {
    return this.#spent;
  }

  /** A request is about to be made. */
  spend(): void {
    this.#spent++;
    if (this.#rate) this.#tokens -= 1;
  }

  /** The platform took one: failures are over. */
  succeeded(room: string): void {
    this.#account.failures = 0;
    const gate = this.#rooms.get(room);
    if (gate) gate.failures = 0;
  }

  rateLimited(scope: 'room' | 'account', room: string, retryAfterMs: number, nowMs: number): void {
    const gate = scope === 'account' ? this.#account : this.#gate(room);
    gate.until = Math.max(gate.until, nowMs + Math.max(retryAfterMs, 10));
    // A refusal near the end of a wait says little of how long a whole one is.
    gate.retryAfterMs =
      nowMs - gate.throttledAt < THROTTLED_MS ? Math.max(gate.retryAfterMs, retryAfterMs) : retryAfterMs;
    gate.throttledAt = nowMs;
  }

  /** Nothing goes to this room for so long; it is not slowed down otherwise. */
  pause(room: string, forMs: number, nowMs: number): void {
    const gate = this.#gate(room);
    gate.until = Math.max(gate.until, nowMs + forMs);
  }

  /** A room may be sent to again, whatever was the matter with it. */
  resume(room: string): void {
    this.#rooms.delete(room);
  }

  /** No answer, or none that says anything: wait longer each time. Returns the wait. */
  failed(scope: 'room' | 'account', room: string, nowMs: number): number {
    const gate = scope === 'account' ? this.#account : this.#gate(room);
    // Requests that were under way together fail together: that is one failure.
    if (nowMs < gate.until) return gate.until - nowMs;
    const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** gate.failures);
    gate.failures = Math.min(gate.failures + 1, 10);
    gate.until = nowMs + waitMs * (0.75 + Math.random() / 2);
    return waitMs;
  }

  /** The platform, or the configured rate, slowed this room down lately. */
  isThrottled(room: string, nowMs: number): boolean {
    const at = Math.max(this.#account.throttledAt, this.#rooms.get(room)?.throttledAt ?? Number.NEGATIVE_INFINITY);
    return nowMs - at < THROTTLED_MS;
  }

  /** About how far apart a room takes messages while it is slowed down; null: it is not. */
  everyMs(room: string, nowMs: number): number | null {
    if (!this.isThrottled(room, nowMs)) return null;
    const own = this.#rate ? 1000 / this.#rate.perSecond : 0;
    return Math.max(own, this.#account.retryAfterMs, this.#rooms.get(room)?.retryAfterMs ?? 0);
  }

  isAccountThrottled(nowMs: number): boolean {
    return nowMs - this.#account.throttledAt < THROTTLED_MS;
  }

  #gate(room: string): Gate {
    let gate = this.#rooms.get(room);
    if (!gate) {
      gate = openGate();
      this.#rooms.set(room, gate);
    }
    return gate;
  }
}
