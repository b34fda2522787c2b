/** When a day like 2026-12-01 begins in a zone; undefined: it is none. */
export function startOfDay(text: string, timeZone: string): Date | undefined {
  const day = new Date(`${text}T00:00:00Z`);
  if (!/^(19|2\d)\d\d-\d\d-\d\d$/.test(text) || day.toJSON()?.slice(0, 10) !== text) return undefined;
  const first = earlierBy(day, leadTimeMs(day, timeZone));
  // The clocks may change between the two moments.
  const second = earlierBy(day, leadTimeMs(first, timeZone));
  const [early, late] = first < second ? [first, second] : [second, first];
  // Where the clocks skip midnight, the earlier one is still the day before.
  return shown(early, timeZone).toJSON().startsWith(text) ? early : late;
}

function leadTimeMs(at: Date, timeZone: string): number {
  return shown(at, timeZone).getTime() - at.getTime();
}

/** What the clocks there show, read as if it were Greenwich. */
function shown(at: Date, timeZone: string): Date {
  return new Date(`${at.toLocaleString('sv-SE', { timeZone }).replace(' ', 'T')}Z`);
}

function earlierBy(at: Date, ms: number): Date {
  return new Date(at.getTime() - ms);
}
