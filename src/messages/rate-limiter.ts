import type { Connector, Operation, RateLimited } from '../connectors/connector.ts';

/** How long a bucket counts as throttled after a rate limit: messages are folded and reactions are not added. */
const THROTTLED_MS = 20_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** One bucket: when the next request that uses it may be made, by the configured rate and the platform's answers. */
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

  /** Milliseconds until a request may be made; 0 for now. */
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

  /** The platform accepted a request: resets the backoff. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The platform answered with a rate limit. */
  refused(retryAfterMs: number, nowMs: number): void {
    this.pause(Math.max(retryAfterMs, 10), nowMs);
    // An answer near the end of a wait says little about the full interval.
    this.#retryAfterMs = this.isThrottled(nowMs) ? Math.max(this.#retryAfterMs, retryAfterMs) : retryAfterMs;
    this.#throttledAt = nowMs;
  }

  /** Makes no requests for a while, without counting as throttled. */
  pause(forMs: number, nowMs: number): void {
    this.#until = Math.max(this.#until, nowMs + forMs);
  }

  /** No answer, or no usable one: waits longer each time. Returns the wait. */
  failed(nowMs: number): number {
    // Requests in flight together fail together: that is one failure.
    if (nowMs < this.#until) return this.#until - nowMs;
    const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    // With jitter, so that rooms do not all retry at once.
    this.#until = nowMs + waitMs * (0.75 + Math.random() / 2);
    return waitMs;
  }

  /** The platform or the configured rate limited it recently. */
  isThrottled(nowMs: number): boolean {
    return nowMs - this.#throttledAt < THROTTLED_MS;
  }

  /** The approximate interval between requests while it is throttled. */
  everyMs(): number {
    return Math.max(this.#retryAfterMs, this.#rate ? 1000 / this.#rate.perSecond : 0);
  }
}

/** The bucket of a room. */
export const roomBucket = (room: string): string => `room:${room}`;

/** The limiters of one connector. Every request uses the buckets of the account and its room, and those that the connector names. */
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

  /** Milliseconds until this operation may be performed, by its own buckets alone: an edit must not delay a reply. */
  ownWaitMs(operation: Operation, nowMs: number): number {
    return Math.max(0, ...this.#own(operation).map((limiter) => limiter.waitMs(nowMs)));
  }

  /** Whether a bucket that only some requests use is exhausted. */
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
   * The platform rate-limited an operation. `room` is the row's name for it (the operation has the platform's). If the bucket is
   * none that the operation uses, the whole account waits: otherwise nothing would wait, and it would be retried at once.
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

  /** The approximate interval between messages to a room; null: it is not throttled. */
  everyMs(room: string, nowMs: number): number | null {
    return this.isThrottled(room, nowMs) ? Math.max(this.account.everyMs(), this.room(room).everyMs()) : null;
  }

  /** Clears a room's waits. */
  forget(room: string): void {
    this.#others.delete(roomBucket(room));
  }
}
