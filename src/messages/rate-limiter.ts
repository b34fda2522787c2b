import type { Connector, Operation, RateLimited } from '../connectors/connector.ts';

/** For so long after a refusal a bucket counts as throttled: storms are folded and taps are not offered. */
const THROTTLED_MS = 20_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** One bucket: when the next request that draws from it may be made, by a configured rate and by what the platform answered. */
export class RateLimiter {
  readonly #rate: Rate | undefined;
  #tokens: number;
  #filledAt = 0;
  #until = 0;
  #throttledAt = Number.NEGATIVE_INFINITY;
  #retryAfterMs = 0;
  #failures = 0;

  constructor(rate?: Rate) {
    this.#rate = rate;
    this.#tokens = rate?.burst ?? 0;
  }

  /** Milliseconds until a request may be made; 0: now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#until - nowMs, this.#tokenWaitMs(nowMs));
  }

  #tokenWaitMs(nowMs: number): number {
    if (!this.#rate) return 0;
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = nowMs;
    if (this.#tokens >= 1) return 0;
    this.#throttledAt = nowMs;
    return ((1 - this.#tokens) / perSecond) * 1000;
  }

  /** A request is about to be made. */
  spend(): void {
    this.#tokens -= 1;
  }

  /** The platform took one: failures are over. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The platform asks to wait. */
  refused(retryAfterMs: number, nowMs: number): void {
    this.pause(Math.max(retryAfterMs, 10), nowMs);
    // A refusal near the end of a wait says little of how long a whole one is.
    this.#retryAfterMs = this.isThrottled(nowMs) ? Math.max(this.#retryAfterMs, retryAfterMs) : retryAfterMs;
    this.#throttledAt = nowMs;
  }

  /** Nothing is asked for so long; that is no throttling. */
  pause(forMs: number, nowMs: number): void {
    this.#until = Math.max(this.#until, nowMs + forMs);
  }

  /** No answer, or none that says anything: wait longer each time. Returns the wait. */
  failed(nowMs: number): number {
    // Requests that were under way together fail together: that is one failure.
    if (nowMs < this.#until) return this.#until - nowMs;
    const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    // Spread, so that rooms do not all come back at once.
    this.#until = nowMs + waitMs * (0.75 + Math.random() / 2);
    return waitMs;
  }

  /** The platform, or the configured rate, slowed it down lately. */
  isThrottled(nowMs: number): boolean {
    return nowMs - this.#throttledAt < THROTTLED_MS;
  }

  /** About how far apart requests are taken while it is throttled. */
  everyMs(): number {
    return Math.max(this.#retryAfterMs, this.#rate ? 1000 / this.#rate.perSecond : 0);
  }
}

/** The bucket of a room. */
export const roomBucket = (room: string): string => `room:${room}`;

/** The limiters of one connector. Every request draws from the account's bucket and its room's, and from those that the connector names. */
export class RateLimits {
  readonly account: RateLimiter;
  readonly #bucketsOf: Connector['buckets'];
  readonly #others = new Map<string, RateLimiter>();
  #spent = 0;

  constructor({ buckets, capabilities }: Pick<Connector, 'buckets' | 'capabilities'>) {
    this.account = new RateLimiter(capabilities.rate);
    this.#bucketsOf = buckets;
  }

  /** Requests made so far. */
  get spent(): number {
    return this.#spent;
  }

  of(bucket: string): RateLimiter {
    if (bucket === 'account') return this.account;
    let limiter = this.#others.get(bucket);
    if (!limiter) this.#others.set(bucket, (limiter = new RateLimiter()));
    return limiter;
  }

  room(room: string): RateLimiter {
    return this.of(roomBucket(room));
  }

  /** Milliseconds until anything may be sent to a room. */
  waitMs(room: string, nowMs: number): number {
    return Math.max(this.account.waitMs(nowMs), this.room(room).waitMs(nowMs));
  }

  /** Milliseconds until this operation may be performed in a room that others may be sent to now: an edit must not hold up a reply. */
  ownWaitMs(operation: Operation, nowMs: number): number {
    return Math.max(0, ...this.#own(operation).map((limiter) => limiter.waitMs(nowMs)));
  }

  /** Some bucket that only some requests draw from is closed. */
  isAnyClosed(nowMs: number): boolean {
    if (!this.#bucketsOf) return false;
    for (const [bucket, limiter] of this.#others)
      if (!bucket.startsWith(roomBucket('')) && limiter.waitMs(nowMs) > 0) return true;
    return false;
  }

  #own(operation: Operation): RateLimiter[] {
    return (this.#bucketsOf?.(operation) ?? []).map((bucket) => this.of(bucket));
  }

  spend(operation: Operation): void {
    this.#spent++;
    for (const limiter of new Set([this.account, this.room(operation.room), ...this.#own(operation)])) limiter.spend();
  }

  /**
   * The platform refuses an operation for a room as rows name it (the operation's own is the platform's), and asks to wait. A
   * bucket that the operation does not draw from would hold back nothing, and it would be asked for again at once: then the
   * whole account waits.
   */
  refused(room: string, operation: Operation | undefined, { bucket, retryAfterMs }: RateLimited, nowMs: number): void {
    const isRoom = bucket === roomBucket(operation?.room ?? room);
    const isOwn = operation !== undefined && this.#bucketsOf?.(operation).includes(bucket);
    const limiter = isRoom ? this.room(room) : isOwn ? this.of(bucket) : this.account;
    limiter.refused(retryAfterMs, nowMs);
  }

  succeeded(room: string): void {
    this.account.succeeded();
    this.room(room).succeeded();
  }

  isThrottled(room: string, nowMs: number): boolean {
    return this.account.isThrottled(nowMs) || this.room(room).isThrottled(nowMs);
  }

  /** About how far apart a room takes messages while it is slowed down; null: it is not. */
  everyMs(room: string, nowMs: number): number | null {
    return this.isThrottled(room, nowMs) ? Math.max(this.account.everyMs(), this.room(room).everyMs()) : null;
  }

  /** A room may be sent to again, whatever was the matter with it. */
  forget(room: string): void {
    this.#others.delete(roomBucket(room));
  }
}
