/** The platform reported a rate limit. `bucket`: `account`, `room:ROOM`, or one named by `buckets`. */
export class RateLimited extends Error {
  readonly code = 'WB_RATE_LIMITED';
  readonly bucket: string;
  readonly retryAfterMs: number;
  constructor(bucket: string, retryAfterMs: number) {
    super(`rate-limited by the platform for ${retryAfterMs} ms`);
    this.bucket = bucket;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The platform will never accept this: not in the room, too large, malformed. `reason` is shown to people. */
export class Rejected extends Error {
  readonly code = 'WB_REJECTED';
  readonly reason: string;
  constructor(reason: string, cause?: unknown) {
    super(`the platform rejects the message: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** The message to change no longer exists. */
export class Gone extends Error {
  readonly code = 'WB_GONE';
  constructor(cause?: unknown) {
    super('the message is gone', { cause });
  }
}

/** The account's token is rejected. */
export class Unauthorised extends Error {
  readonly code = 'WB_UNAUTHORISED';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** Nothing was sent: name resolution failed, the connection was refused, or the server rejected the request before reading it (503 from a proxy is *not* this). */
export class Unreachable extends Error {
  readonly code = 'WB_UNREACHABLE';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** The room is being replaced by another one, or has not been joined yet. Nothing was done; the core decides again what to send. */
export class Moved extends Error {
  readonly code = 'WB_MOVED';
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number, cause?: unknown) {
    super('the room is being replaced by another one', { cause });
    this.retryAfterMs = retryAfterMs;
  }
}
