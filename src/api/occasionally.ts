const QUIET_MS = 10_000;

/** Calls `report` at most once in 10 s: anyone can send requests, and a line for each would fill the log. */
export function occasionally<Value>(report: (value: Value) => void): (value: Value) => void {
  let quietUntilMs = -Infinity;
  return (value) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + QUIET_MS;
    report(value);
  };
}
