import { createTask, parse } from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Longest time between two ticks: 29 February of 2096 and of 2104. */
const LONGEST_MS = 8 * 366 * DAY_MS;
/** No change of the clocks is larger. */
const CHANGE_MS = 3 * 3_600_000;
const MAX_KNOWN = 500;

/** Times on the wall are counted as if they were UTC. */
interface Expression {
  /** It ticks in each hour of the day: then hours that the clocks repeat or leave out are hours like others. */
  readonly isHourly: boolean;
  /** The first time on the wall, not before this one, at which it ticks; undefined: there is none in eight years. */
  first(wallMs: number): number | undefined;
}

const expressions = new Map<string, Expression>();
const zones = new Map<string, Intl.DateTimeFormat>();

/**
 * The first time after `after` at which the expression (five fields, minutes first) ticks; undefined: never. A time that
 * the clocks leave out ticks at the first minute after the gap, one that they repeat ticks once.
 *
 * The expression is node-cron's to understand; how it treats changes of the clocks, and an expression that restricts both
 * days, differs from cron and Kubernetes, so both are decided here. @throws on what is no cron expression.
 */
export function nextTick(expression: string, timeZone: string, after: Date): Date | undefined {
  const { first, isHourly } = known(expressions, expression, () => understand(expression));
  const offsetAt = (ms: number): number => wallAt(timeZone, ms) - ms;
  let at = Math.floor(after.getTime() / MINUTE_MS) * MINUTE_MS;
  let offset = offsetAt(at);
  let from = at + offset + MINUTE_MS;
  if (!isHourly) from = Math.max(from, repeatedUntil(offsetAt, at, offset));
  for (;;) {
    const match = first(from);
    if (match === undefined) return undefined;
    // What the clocks do on days on which it does not tick is of no matter.
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
    const isLeftOut = match < change + changed;
    if (isLeftOut && !isHourly) return new Date(change);
    from = change + (isHourly ? changed : Math.max(changed, offset));
    [at, offset] = [change, changed];
  }
}

/** Until when, on the wall, `at` and what follows it were there before. */
function repeatedUntil(offsetAt: (ms: number) => number, at: number, offset: number): number {
  const before = offsetAt(at - CHANGE_MS);
  return before > offset ? findChange(offsetAt, at - CHANGE_MS, at) + before : -Infinity;
}

/** The first minute with another offset than `from` has; `to` has another. */
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
  const format = known(zones, timeZone, () => formatOf(timeZone));
  const [month = 1, day = 1, year = 0, hour = 0, minute = 0, second = 0] = format.format(ms).split(/\D+/).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const numeric = 'numeric' as const;
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
  return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields });
}

function understand(expression: string): Expression {
  const given = expression.trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = given;
  if (given.length !== 5) throw new Error(`a cron expression has five fields: "${expression}" has ${given.length}`);
  // By themselves: node-cron calls 30 February an error, and here it is a day that never comes.
  const { month: months } = parse(`0 0 * ${month} *`);
  const { minute: minutes, hour: hours } = parse(`${minute} ${hour} ${day} * ${weekday}`);
  const minutesOfDay = hours
    .flatMap((one) => minutes.map((other) => (one * 60 + other) * MINUTE_MS))
    .sort((x, y) => x - y);
  const isRestricted = (field: string): boolean => field !== '*' && field !== '?';
  // Cron means "or" where both days are restricted.
  const isEither = isRestricted(day) && isRestricted(weekday);
  const asked = (isEither ? [`${day} * *`, `* * ${weekday}`] : [`${day} * ${weekday}`]).map((days) =>
    ask(`0 0 ${days}`),
  );
  // node-cron does its time zone arithmetic anew each time, and a rare day is looked for among many.
  const days = new Map<number, boolean>();
  const isDay = (dayMs: number): boolean => {
    const date = new Date(dayMs);
    if (!months.includes(date.getUTCMonth() + 1)) return false;
    return known(days, dayMs, () => asked.some((matches) => matches(date)));
  };
  const first = (wallMs: number): number | undefined => {
    const begun = wallMs - (wallMs % DAY_MS);
    for (let dayMs = begun; dayMs < begun + LONGEST_MS; dayMs += DAY_MS) {
      const found = isDay(dayMs) && minutesOfDay.find((ms) => dayMs + ms >= wallMs);
      if (typeof found === 'number') return dayMs + found;
    }
    return undefined;
  };
  return { isHourly: hours.length === 24, first };
}

/** Asks node-cron's matcher; a task that is not destroyed stays in its registry. */
function ask(expression: string): (date: Date) => boolean {
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  void task.destroy();
  return (date) => task.match(date);
}

function known<K, T>(cache: Map<K, T>, key: K, make: () => T): T {
  let found = cache.get(key);
  if (found === undefined) {
    found = make();
    if (cache.size >= MAX_KNOWN) cache.clear();
    cache.set(key, found);
  }
  return found;
}
