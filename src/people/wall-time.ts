const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();
const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const MAX_OFFSETS = 10_000;

/** The wall-clock time in a zone at an instant, in ms as if it were UTC. */
export function wallAt(instantMs: number, timeZone: string): number {
  return instantMs + offsetAt(instantMs, timeZone);
}

/**
 * The instant of a wall-clock time in a zone: the first of two if clocks repeat it, the end of the gap if they skip it.
 */
export function instantOf(wallMs: number, timeZone: string): number {
  // The zone's offsets before and after any nearby change.
  const [before, after] = [wallMs - DAY_MS, wallMs + DAY_MS].map((near) => offsetAt(near, timeZone)) as [
    number,
    number,
  ];
  const early = wallMs - Math.max(before, after);
  const late = wallMs - Math.min(before, after);
  for (const instant of [early, late]) if (wallAt(instant, timeZone) === wallMs) return instant;
  // Skipped, so the change is between the two.
  let [low, high] = [early, late];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle, timeZone) === before) low = middle;
    else high = middle;
  }
  return high;
}

/** Cached by quarter hour, as zones change only on those; asking Intl each time takes 50 times as long. */
function offsetAt(instantMs: number, timeZone: string): number {
  const quarter = Math.floor(instantMs / QUARTER_MS);
  const key = `${quarter} ${timeZone}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    offset = findOffset(quarter * QUARTER_MS, timeZone);
    if (offsets.size >= MAX_OFFSETS) offsets.clear();
    offsets.set(key, offset);
  }
  return offset;
}

function findOffset(instantMs: number, timeZone: string): number {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(instantMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - instantMs;
}

/** Cached, because creating a formatter costs far more than using it. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let found = formats.get(timeZone);
  if (!found) {
    const number = 'numeric' as const;
    found = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone, hourCycle: 'h23', year: number, month: number, day: number },
      ...{ hour: number, minute: number, second: number },
    });
    formats.set(timeZone, found);
  }
  return found;
}
