import type { Rate } from './types.ts';

/** Synapse's leaky bucket (synapse/api/ratelimiting.py): a rejected action is not counted. */
export class Limiter {
  private readonly buckets = new Map<string, { count: number; since: number }>();

  /** 0 if allowed, otherwise the ms until one is. */
  take(account: string, rate: Rate, nowMs: number): number {
    const bucket = this.buckets.get(account) ?? { count: 0, since: nowMs };
    let performed = bucket.count - ((nowMs - bucket.since) / 1000) * rate.perSecond;
    if (performed < 0) {
      performed = 0;
      bucket.count = 0;
      bucket.since = nowMs;
    }
    if (performed > rate.burst - 1) {
      return Math.max(1, Math.ceil(bucket.since + ((bucket.count - rate.burst + 1) / rate.perSecond) * 1000 - nowMs));
    }
    bucket.count += 1;
    this.buckets.set(account, bucket);
    return 0;
  }
}
