/** The platform refuses for now. `bucket`: which one it closes: `account`, `room:ROOM`, or one that `buckets` names. */
export class RateLimited extends Error {
  readonly code = 'WB_RATE_LIMITED';
  readonly bucket: string;
  readonly retryAfterMs: number;
  constructor(bucket: string, retryAfterMs: number) {
    super(`the platform asks to wait ${retryAfterMs} ms`);
    this.bucket = bucket;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The platform will never take this: not in the room, too large, malformed. `reason` is shown to people. */
export class Rejected extends Error {
  readonly code = 'WB_REJECTED';
  readonly reason: string;
  constructor(reason: string, cause?: unknown) {
    super(`the platform refuses the message: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** The message to change is not there any more. */
export class Gone extends Error {
  readonly code = 'WB_GONE';
  constructor(cause?: unknown) {
    super('the message is gone', { cause });
  }
}

/** The account's token does not work (any more). */
export class Unauthorised extends Error {
  readonly code = 'WB_UNAUTHORISED';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** Nothing was sent: name resolution, connection refused, or the server said "not now" before reading (503 from a proxy is *not* this). */
export class Unreachable extends Error {
  readonly code = 'WB_UNREACHABLE';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** The room is becoming another one, or it is not yet entered: nothing was done, and it is decided anew what is to be. */
export class Moved extends Error {
  readonly code = 'WB_MOVED';
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number, cause?: unknown) {
    super('the room is becoming another one', { cause });
    this.retryAfterMs = retryAfterMs;
  }
}
