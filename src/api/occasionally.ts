const QUIET_MS = 10_000;

/** Calls `tell` at most once in 10 s: anybody may send requests, and a line for each would fill the log. */
export function occasionally<Told>(tell: (told: Told) => void): (told: Told) => void {
  let quietUntilMs = -Infinity;
  return (told) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + QUIET_MS;
    tell(told);
  };
}
