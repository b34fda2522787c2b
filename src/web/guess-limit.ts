/** Wrong passwords that one sender, or one browser that was signed in before, may try at once; plus one every 12 s. */
const SENDER_LIMIT = { most: 5, everyMs: 12_000 };
/** The same for all senders together; plus one every 10 s: 8,640 a day, from any number of addresses. */
const TOTAL_LIMIT = { most: 30, everyMs: 10_000 };
const MAX_SENDERS = 1_000;

export interface Guesser {
  /** Sender of the request. It can be forged: it only shares the common limit. */
  readonly sender: string;
  /** Id of a browser that was signed in before: others cannot exhaust its limit. */
  readonly browser?: string | undefined;
}

export interface GuessLimit {
  /** Counts a try before it is checked, so that parallel guesses count too. Returns how long to wait in ms; 0: allowed. */
  take(guesser: Guesser): number;
  /** Takes the try back, because the password was correct. */
  refund(guesser: Guesser): void;
}

interface Bucket {
  tries: number;
  atMs: number;
}

/**
 * There is one password to guess, so all guesses together are limited. Each sender has a smaller limit, so that one that
 * guesses does not lock out the others.
 */
export function createGuessLimit(nowMs: () => number): GuessLimit {
  const all: Bucket = { tries: 0, atMs: nowMs() };
  const senders = new Map<string, Bucket>();

  function refill(bucket: Bucket, { everyMs }: typeof SENDER_LIMIT): void {
    const now = nowMs();
    bucket.tries = Math.max(0, bucket.tries - Math.max(0, now - bucket.atMs) / everyMs);
    bucket.atMs = now;
  }

  function bucketsOf({ sender, browser }: Guesser): (readonly [Bucket, typeof SENDER_LIMIT])[] {
    const key = browser === undefined ? `sender ${sender}` : `browser ${browser}`;
    const own = senders.get(key) ?? { tries: 0, atMs: nowMs() };
    // Evict the one with the oldest try.
    senders.delete(key);
    if (senders.size >= MAX_SENDERS) senders.delete(senders.keys().next().value ?? '');
    senders.set(key, own);
    return browser === undefined
      ? [
          [own, SENDER_LIMIT],
          [all, TOTAL_LIMIT],
        ]
      : [[own, SENDER_LIMIT]];
  }

  return {
    take(guesser) {
      const buckets = bucketsOf(guesser);
      let waitMs = 0;
      for (const [bucket, limit] of buckets) {
        refill(bucket, limit);
        if (bucket.tries + 1 > limit.most) waitMs = Math.max(waitMs, (bucket.tries + 1 - limit.most) * limit.everyMs);
      }
      if (waitMs === 0) for (const [bucket] of buckets) bucket.tries++;
      return Math.ceil(waitMs);
    },
    refund(guesser) {
      for (const [bucket] of bucketsOf(guesser)) bucket.tries = Math.max(0, bucket.tries - 1);
    },
  };
}
