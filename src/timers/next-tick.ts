import { createTask, parse } from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Longest time between two ticks: 29 February 2096 to 29 February 2104. */
const LONGEST_MS = 8 * 366 * DAY_MS;
/** The largest clock change. */
const CHANGE_MS = 3 * 3_600_000;
const MAX_CACHED = 500;

/** Wall times are in ms as if they were UTC. */
interface Expression {
  /** It ticks in every hour of the day, so repeated and skipped hours need no special treatment. */
  readonly isHourly: boolean;
  /** The first wall time at or after this one when it ticks; undefined: none within eight years. */
  first(wallMs: number): number | undefined;
}

const expressions = new Map<string, Expression>();
const zones = new Map<string, Intl.DateTimeFormat>();

/**
 * The first time after `after` when the expression (five fields, minutes first) ticks; undefined: never. A time that clocks skip
 * ticks at the first minute after the gap, and one that they repeat ticks once.
 *
 * node-cron parses the expression. Its behaviour at clock changes, and for expressions that restrict both days, differs from cron
 * and Kubernetes, so both are handled here. @throws when the expression is invalid.
 */
export function nextTick(expression: string, timeZone: string, after: Date): Date | undefined {
  const { first, isHourly } = cached(expressions, expression, () => parseExpression(expression));
  const offsetAt = (ms: number): number => wallAt(timeZone, ms) - ms;
  let at = Math.floor(after.getTime() / MINUTE_MS) * MINUTE_MS;
  let offset = offsetAt(at);
  let from = at + offset + MINUTE_MS;
  if (!isHourly) from = Math.max(from, repeatedUntil(offsetAt, at, offset));
  for (;;) {
    const match = first(from);
    if (match === undefined) return undefined;
    // Clock changes on days without a tick do not matter.
    const farMs = match - (match % DAY_MS) - CHANGE_MS - (at + offset);
    if (farMs > 0) {
      at += farMs;
      offset = offsetAt(at);
      from = at + offset;
      continue;
    }
    const next = match - offset;
    if (offsetAt(next) === offset) return new Date(next);
    const change = findChange(offsetAt, at, next);
    const changed = offsetAt(change);
    const isSkipped = match < change + changed;
    if (isSkipped && !isHourly) return new Date(change);
    from = change + (isHourly ? changed : Math.max(changed, offset));
    [at, offset] = [change, changed];
  }
}

/** The wall time until which times after `at` are repeated ones. */
function repeatedUntil(offsetAt: (ms: number) => number, at: number, offset: number): number {
  const before = offsetAt(at - CHANGE_MS);
  return before > offset ? findChange(offsetAt, at - CHANGE_MS, at) + before : -Infinity;
}

/** The first minute with a different offset than `from`; `to` has a different one. */
function findChange(offsetAt: (ms: number) => number, from: number, to: number): number {
  const offset = offsetAt(from);
  let [same, other] = [from, to];
  while (other - same > MINUTE_MS) {
    const middle = same + Math.floor((other - same) / 2 / MINUTE_MS) * MINUTE_MS;
    if (offsetAt(middle) === offset) same = middle;
    else other = middle;
  }
  return other;
}

function wallAt(timeZone: string, ms: number): number {
  const format = cached(zones, timeZone, () => formatOf(timeZone));
  const [month = 1, day = 1, year = 0, hour = 0, minute = 0, second = 0] = format.format(ms).split(/\D+/).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const numeric = 'numeric' as const;
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
  return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields });
}

function parseExpression(expression: string): Expression {
  const given = expression.trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = given;
  if (given.length !== 5) throw new Error(`a cron expression has five fields: "${expression}" has ${given.length}`);
  // Months separately: node-cron rejects 30 February, which here is a day that never ticks.
  const { month: months } = parse(`0 0 * ${month} *`);
  const { minute: minutes, hour: hours } = parse(`${minute} ${hour} ${day} * ${weekday}`);
  const minutesOfDay = hours
    .flatMap((one) => minutes.map((other) => (one * 60 + other) * MINUTE_MS))
    .sort((x, y) => x - y);
  const isRestricted = (field: string): boolean => field !== '*' && field !== '?';
  // In cron, two restricted days mean "or".
  const isEither = isRestricted(day) && isRestricted(weekday);
  const matchers = (isEither ? [`${day} * *`, `* * ${weekday}`] : [`${day} * ${weekday}`]).map((days) =>
    matcherOf(`0 0 ${days}`),
  );
  // Cached: node-cron repeats its time zone arithmetic each time, and a rare day is searched among many.
  const days = new Map<number, boolean>();
  const isDay = (dayMs: number): boolean => {
    const date = new Date(dayMs);
    if (!months.includes(date.getUTCMonth() + 1)) return false;
    return cached(days, dayMs, () => matchers.some((matches) => matches(date)));
  };
  const first = (wallMs: number): number | undefined => {
    const start = wallMs - (wallMs % DAY_MS);
    for (let dayMs = start; dayMs < start + LONGEST_MS; dayMs += DAY_MS) {
      const found = isDay(dayMs) && minutesOfDay.find((ms) => dayMs + ms >= wallMs);
      if (typeof found === 'number') return dayMs + found;
    }
    return undefined;
  };
  return { isHourly: hours.length === 24, first };
}

/** Creates node-cron's matcher. Its task must be destroyed, or it stays in node-cron's registry. */
function matcherOf(expression: string): (date: Date) => boolean {
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  void task.destroy();
  return (date) => task.match(date);
}

function cached<K, T>(cache: Map<K, T>, key: K, make: () => T): T {
  let found = cache.get(key);
  if (found === undefined) {
    found = make();
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(key, found);
  }
  return found;
}
