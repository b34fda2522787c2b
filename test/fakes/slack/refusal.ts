import type { JsonMap } from './json.ts';

/** `{ ok: false, error }`, in Slack's words. */
export class Refusal extends Error {
  readonly extra: JsonMap;
  constructor(error: string, extra: JsonMap = {}) {
    super(error);
    this.extra = extra;
  }
}

/** Too many requests: the one refusal with a status of its own. */
export class RateLimited extends Error {
  readonly retryAfterSeconds: number;
  constructor(retryAfterSeconds: number) {
    super('ratelimited');
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
