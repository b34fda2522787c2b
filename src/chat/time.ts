const formats = new Map<string, Intl.DateTimeFormat>();

function format(timeZone: string, locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${timeZone} ${locale} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, { ...options, timeZone });
    formats.set(key, found);
  }
  return found;
}

function zoneName(time: Date, timeZone: string): string {
  // en-GB names European zones (CET), en-US American ones (EST); whichever gives letters rather than an offset is read more easily.
  for (const locale of ['en-GB', 'en-US']) {
    const name = format(timeZone, locale, { timeZoneName: 'short' })
      .formatToParts(time)
      .find((part) => part.type === 'timeZoneName')?.value;
    if (name && /^[A-Z]+$/.test(name)) return name;
  }
  return (
    format(timeZone, 'en-GB', { timeZoneName: 'shortOffset' })
      .formatToParts(time)
      .find((part) => part.type === 'timeZoneName')?.value ?? timeZone
  );
}

/** A time as people read it, always with its zone: `14:31 CET` today, `Mon 14:31 CET` within a week of `now`, else `2026-01-05 14:31 CET`. */
export function formatTime(time: Date, timeZone: string, now: Date): string {
  const clock = format(timeZone, 'en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(time);
  const day = (value: Date): string =>
    format(timeZone, 'en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' }).format(value);
  const zone = zoneName(time, timeZone);
  if (day(time) === day(now)) return `${clock} ${zone}`;
  if (Math.abs(time.getTime() - now.getTime()) < 6 * 86_400_000)
    return `${format(timeZone, 'en-GB', { weekday: 'short' }).format(time)} ${clock} ${zone}`;
  return `${day(time)} ${clock} ${zone}`;
}
