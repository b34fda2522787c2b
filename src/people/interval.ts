import { instantOf, wallAt } from './wall-time.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Times of the week, as a `timeIntervals` entry has them; the zone is known by now. */
export interface Interval {
  readonly days?: string | undefined;
  readonly hours?: string | undefined;
  readonly timeZone: string;
}

/** One stretch of an interval, in instants; its end is outside. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

export function isWithin(interval: Interval, atMs: number): boolean {
  return stretches(interval, atMs, 1).some(({ from, to }) => from <= atMs && atMs < to);
}

/** The next beginning or end of the interval after an instant; undefined: it holds always. */
export function nextEdge(interval: Interval, atMs: number): number | undefined {
  const edges = stretches(interval, atMs, 8).flatMap(({ from, to }) => [from, to]);
  const later = edges.filter((edge) => edge > atMs);
  return later.length > 0 ? Math.min(...later) : undefined;
}

/** Those that begin from the day before to so many days after. Hours that go over midnight belong to the day they begin on. */
function stretches({ days, hours, timeZone }: Interval, atMs: number, daysAfter: number): Stretch[] {
  const today = Math.floor(wallAt(atMs, timeZone) / DAY_MS) * DAY_MS;
  const [from, to] = hours === undefined ? [0, DAY_MS] : spanOf(hours);
  const wanted = days === undefined ? DAYS : daysOf(days);
  const found: Stretch[] = [];
  for (let after = -1; after <= daysAfter; after++) {
    const day = today + after * DAY_MS;
    if (wanted.includes(DAYS[new Date(day).getUTCDay()] ?? ''))
      found.push({ from: instantOf(day + from, timeZone), to: instantOf(day + to, timeZone) });
  }
  return found;
}

/** `22:00-06:00` in ms since midnight; an end that is not after the start is on the next day. */
function spanOf(hours: string): [from: number, to: number] {
  const [from = 0, to = 0] = hours.split('-').map(clockMs);
  return [from, to > from ? to : to + DAY_MS];
}

export function clockMs(text: string): number {
  const [hour = 0, minute = 0] = text.split(':').map(Number);
  return (hour * 60 + minute) * MINUTE_MS;
}

/** `Mon-Wed,Fri`; a range may go over the end of the week: `Sat-Mon`. */
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
