/** Wrong passwords that one sender, or one browser that was signed in before, may try at once; one more each 12 s. */
const OF_ONE = { most: 5, everyMs: 12_000 };
/** And all senders together; one more each 10 s: 8,640 a day, from however many addresses. */
const OF_ALL = { most: 30, everyMs: 10_000 };
const MOST_SENDERS = 1_000;

export interface Guesser {
  /** Whom the connection is from. It may be made up: it only divides what all may try together. */
  readonly sender: string;
  /** A browser that was signed in before: strangers cannot use up what it may try. */
  readonly browser?: string | undefined;
}

export interface GuessLimit {
  /** Counts a try before it is judged, so that parallel guesses do not slip through. Returns how long to wait, 0: go on. */
  take(guesser: Guesser): number;
  /** It was the right password. */
  giveBack(guesser: Guesser): void;
}

interface Bucket {
  tries: number;
  atMs: number;
}

/**
 * What is guessed is one password, so all guesses together are limited. Each sender has a share of that, so that one who
 * guesses does not shut out the others.
 */
export function createGuessLimit(nowMs: () => number): GuessLimit {
  const all: Bucket = { tries: 0, atMs: nowMs() };
  const senders = new Map<string, Bucket>();

  function refill(bucket: Bucket, { everyMs }: typeof OF_ONE): void {
    const now = nowMs();
    bucket.tries = Math.max(0, bucket.tries - Math.max(0, now - bucket.atMs) / everyMs);
    bucket.atMs = now;
  }

  function bucketsOf({ sender, browser }: Guesser): (readonly [Bucket, typeof OF_ONE])[] {
    const key = browser === undefined ? `sender ${sender}` : `browser ${browser}`;
    const own = senders.get(key) ?? { tries: 0, atMs: nowMs() };
    // The one that tried longest ago makes room.
    senders.delete(key);
    if (senders.size >= MOST_SENDERS) senders.delete(senders.keys().next().value ?? '');
    senders.set(key, own);
    return browser === undefined
      ? [
          [own, OF_ONE],
          [all, OF_ALL],
        ]
      : [[own, OF_ONE]];
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
    giveBack(guesser) {
      for (const [bucket] of bucketsOf(guesser)) bucket.tries = Math.max(0, bucket.tries - 1);
    },
  };
}
