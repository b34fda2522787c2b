import { RateLimited } from './refusal.ts';

/** A bucket that refills evenly; a refused request takes nothing. */
export class Limiter {
  private readonly buckets = new Map<string, { left: number; at: number }>();

  /** @throws {RateLimited} with whole seconds, as Slack reports them. */
  take(name: string, perMinute: number, burst: number, nowMs: number): void {
    const bucket = this.buckets.get(name) ?? { left: burst, at: nowMs };
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.at) / 60_000) * perMinute);
    bucket.at = nowMs;
    this.buckets.set(name, bucket);
    if (bucket.left < 1) throw new RateLimited(Math.max(1, Math.ceil(((1 - bucket.left) / perMinute) * 60)));
    bucket.left -= 1;
  }
}
