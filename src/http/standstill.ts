const BEAT_MS = 250;
/** Shorter than the timeout of any sender. */
const STALL_MS = 1000;

/** Returns a function that tells whether this process was stalled until just now: stopped, starved, or on a suspended machine. */
export function createStallDetector(): () => boolean {
  let beatAt = performance.now();
  let stalledUntil = -Infinity;
  setInterval(() => {
    const now = performance.now();
    if (now - beatAt > STALL_MS) stalledUntil = now + STALL_MS;
    beatAt = now;
  }, BEAT_MS).unref();
  return () => {
    const now = performance.now();
    return now - beatAt > STALL_MS || now < stalledUntil;
  };
}
