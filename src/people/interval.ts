import { instantOf, wallAt } from './wall-time.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Times of the week, from a `timeIntervals` entry, with the zone filled in. */
export interface Interval {
  readonly days?: string | undefined;
  readonly hours?: string | undefined;
  readonly timeZone: string;
}

/** One continuous part of an interval, in epoch ms; the end is exclusive. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

export function isWithin(interval: Interval, atMs: number): boolean {
  return stretches(interval, atMs, 1).some(({ from, to }) => from <= atMs && atMs < to);
}

/** The next start or end of the interval after an instant; undefined: it never ends. */
export function nextEdge(interval: Interval, atMs: number): number | undefined {
  const edges = stretches(interval, atMs, 8).flatMap(({ from, to }) => [from, to]);
  const later = edges.filter((edge) => edge > atMs);
  return later.length > 0 ? Math.min(...later) : undefined;
}

/** The stretches that start between the previous day and `daysAfter`. Hours past midnight belong to the day they start on. */
function stretches({ days, hours, timeZone }: Interval, atMs: number, daysAfter: number): Stretch[] {
  const today = Math.floor(wallAt(atMs, timeZone) / DAY_MS) * DAY_MS;
  const [from, to] = hours === undefined ? [0, DAY_MS] : spanOf(hours);
  const included = days === undefined ? DAYS : daysOf(days);
  const found: Stretch[] = [];
  for (let after = -1; after <= daysAfter; after++) {
    const day = today + after * DAY_MS;
    if (included.includes(DAYS[new Date(day).getUTCDay()] ?? ''))
      found.push({ from: instantOf(day + from, timeZone), to: instantOf(day + to, timeZone) });
  }
  return found;
}

/** `22:00-06:00` in ms since midnight; if the end is not after the start, it is on the next day. */
function spanOf(hours: string): [from: number, to: number] {
  const [from = 0, to = 0] = hours.split('-').map(clockMs);
  return [from, to > from ? to : to + DAY_MS];
}

export function clockMs(text: string): number {
  const [hour = 0, minute = 0] = text.split(':').map(Number);
  return (hour * 60 + minute) * MINUTE_MS;
}

/** `Mon-Wed,Fri`; a range may cross the end of the week: `Sat-Mon`. */
function daysOf(text: string): string[] {
  return text.split(/,\s?/).flatMap((range) => {
    const [from = '', to = from] = range.split('-');
    const [first, last] = [DAYS.indexOf(from), DAYS.indexOf(to)];
    const count = (last - first + 7) % 7;
    return Array.from({ length: count + 1 }, (_, at) => DAYS[(first + at) % 7] ?? '');
  });
}

export function weekdayOf(name: string): number {
  return DAYS.indexOf(name);
}
