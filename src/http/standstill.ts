const BEAT_MS = 250;
/** Shorter than any sender waits for its answer. */
const STANDSTILL_MS = 1000;

/** Whether this program came to nothing for a while until just now: stopped, starved, or on a machine that was. */
export function createStandstillWatch(): () => boolean {
  let beatAt = performance.now();
  let goneOnUntil = -Infinity;
  setInterval(() => {
    const now = performance.now();
    if (now - beatAt > STANDSTILL_MS) goneOnUntil = now + STANDSTILL_MS;
    beatAt = now;
  }, BEAT_MS).unref();
  return () => {
    const now = performance.now();
    return now - beatAt > STANDSTILL_MS || now < goneOnUntil;
  };
}
