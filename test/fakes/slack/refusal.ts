import type { JsonMap } from './json.ts';

/** `{ ok: false, error }`, with Slack's error code. */
export class Refusal extends Error {
  readonly extra: JsonMap;
  constructor(error: string, extra: JsonMap = {}) {
    super(error);
    this.extra = extra;
  }
}

/** Too many requests: the only rejection with its own HTTP status. */
export class RateLimited extends Error {
  readonly retryAfterSeconds: number;
  constructor(retryAfterSeconds: number) {
    super('ratelimited');
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
