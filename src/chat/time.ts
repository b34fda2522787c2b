/** Formats of a time; creating a formatter is far more expensive than using it. */
const FORMATS = {
  clock: ['en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }],
  day: ['en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' }],
  weekday: ['en-GB', { weekday: 'short' }],
  european: ['en-GB', { timeZoneName: 'short' }],
  american: ['en-US', { timeZoneName: 'short' }],
  offset: ['en-GB', { timeZoneName: 'shortOffset' }],
} as const satisfies Record<string, readonly [string, Intl.DateTimeFormatOptions]>;
type Format = keyof typeof FORMATS;

const MAX_NAMES = 1000;
const QUARTER_MS = 900_000;

/** Caches; bounded, so that a history of years does not fill the memory. */
const formats = new Map<string, Intl.DateTimeFormat>();
const zoneNames = new Map<string, string>();

function format(timeZone: string, shape: Format): Intl.DateTimeFormat {
  const key = `${shape} ${timeZone}`;
  let found = formats.get(key);
  if (!found) {
    const [locale, options] = FORMATS[shape];
    found = new Intl.DateTimeFormat(locale, { ...options, timeZone });
    formats.set(key, found);
  }
  return found;
}

/** `CET`, or `GMT+5:30` if there is no name of letters. Zones change their name only at quarter hours. */
function zoneName(time: Date, timeZone: string): string {
  const key = `${timeZone} ${Math.floor(time.getTime() / QUARTER_MS)}`;
  let name = zoneNames.get(key);
  if (name === undefined) {
    name = findZoneName(time, timeZone);
    if (zoneNames.size >= MAX_NAMES) zoneNames.clear();
    zoneNames.set(key, name);
  }
  return name;
}

function findZoneName(time: Date, timeZone: string): string {
  const named = (shape: Format): string =>
    format(timeZone, shape)
      .formatToParts(time)
      .find((part) => part.type === 'timeZoneName')?.value ?? timeZone;
  // en-GB names European zones (CET), en-US American ones (EST); a name of letters is easier to read than an offset.
  for (const shape of ['european', 'american'] as const) if (/^[A-Z]+$/.test(named(shape))) return named(shape);
  return named('offset');
}

/** Formats a time for people, always with its zone: `14:31 CET` today, `Mon 14:31 CET` within a week of `now`, else `2026-01-05 14:31 CET`. */
export function formatTime(time: Date, timeZone: string, now: Date): string {
  const clock = format(timeZone, 'clock').format(time);
  const zone = zoneName(time, timeZone);
  const day = format(timeZone, 'day').format(time);
  if (day === format(timeZone, 'day').format(now)) return `${clock} ${zone}`;
  if (Math.abs(time.getTime() - now.getTime()) < 6 * 86_400_000)
    return `${format(timeZone, 'weekday').format(time)} ${clock} ${zone}`;
  return `${day} ${clock} ${zone}`;
}
