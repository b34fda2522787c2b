import { hash } from './random.ts';

/** Working hours that a slot must be within. `hours`: `Mon-Fri 09:00-18:00`. */
export interface Availability {
  readonly timeZone: string;
  readonly hours: string | undefined;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
/** For people who have none configured. */
const USUAL_HOURS = 'Mon-Fri 09:00-17:00';
const SLOT_MS = 30 * 60_000;
const WITHIN_DAYS = 8;

interface Hours {
  readonly days: ReadonlySet<string>;
  /** Minutes of the day. */
  readonly from: number;
  readonly to: number;
}

/**
 * Two half-hour slots from tomorrow on, within everyone's working hours and on different days if possible; fewer if those
 * hours do not overlap. Calendars are unknown, so these are suggestions; the choice depends on `seed` alone.
 */
export function suggestSlots(availabilities: readonly Availability[], now: Date, seed: number): Date[] {
  const all = availabilities.map(({ timeZone, hours }) => ({ timeZone, hours: parseHours(hours ?? USUAL_HOURS) }));
  const first = Math.ceil((now.getTime() + 12 * 3_600_000) / SLOT_MS) * SLOT_MS;
  const byDay = new Map<string, Date[]>();
  for (let time = first; time < now.getTime() + WITHIN_DAYS * 86_400_000; time += SLOT_MS) {
    if (!all.every(({ timeZone, hours }) => isWithin(time, timeZone, hours))) continue;
    const day = new Date(time).toISOString().slice(0, 10);
    byDay.set(day, [...(byDay.get(day) ?? []), new Date(time)]);
  }
  const days = [...byDay.values()];
  const begin = days.length > 2 ? hash(seed, 1) % (days.length - 1) : 0;
  return days.slice(begin, begin + 2).flatMap((slots, at) => slots[hash(seed, at + 2) % slots.length] ?? []);
}

function isWithin(time: number, timeZone: string, { days, from, to }: Hours): boolean {
  const { day, minute } = localTime(time, timeZone);
  return days.has(day) && minute >= from && minute + SLOT_MS / 60_000 <= to;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(time: number, timeZone: string): { day: string; minute: number } {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  formats.set(timeZone, format);
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return { day: parts['weekday'] ?? '', minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
}

/** `Mon-Fri 09:00-18:00`, `Mon,Wed-Thu 08:00-24:00`. Anything else counts as the usual hours. */
export function parseHours(text: string): Hours {
  const match = /^(.+) (\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  if (!match?.[1]) return parseHours(USUAL_HOURS);
  const days = match[1].split(/,\s?/).flatMap((range) => {
    const [first = '', last = first] = range.split('-');
    const from = DAYS.indexOf(first);
    const length = ((DAYS.indexOf(last) - from + 7) % 7) + 1;
    return Array.from({ length }, (_, at) => DAYS[(from + at) % 7] ?? '');
  });
  const [, , ...clock] = match;
  const [h1 = 0, m1 = 0, h2 = 0, m2 = 0] = clock.map(Number);
  return { days: new Set(days), from: h1 * 60 + m1, to: h2 * 60 + m2 };
}
