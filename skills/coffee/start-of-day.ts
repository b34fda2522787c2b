/** The start of a day like 2026-12-01 in a time zone; undefined: not a day. */
export function startOfDay(text: string, timeZone: string): Date | undefined {
  const day = new Date(`${text}T00:00:00Z`);
  if (!/^(19|2\d)\d\d-\d\d-\d\d$/.test(text) || day.toJSON()?.slice(0, 10) !== text) return undefined;
  const first = earlierBy(day, leadTimeMs(day, timeZone));
  // The clocks may change between the two moments.
  const second = earlierBy(day, leadTimeMs(first, timeZone));
  const [early, late] = first < second ? [first, second] : [second, first];
  // If the clocks skip midnight, the earlier moment is still on the day before.
  return shown(early, timeZone).toJSON().startsWith(text) ? early : late;
}

function leadTimeMs(at: Date, timeZone: string): number {
  return shown(at, timeZone).getTime() - at.getTime();
}

/** The local time there, read as if it were UTC. */
function shown(at: Date, timeZone: string): Date {
  return new Date(`${at.toLocaleString('sv-SE', { timeZone }).replace(' ', 'T')}Z`);
}

function earlierBy(at: Date, ms: number): Date {
  return new Date(at.getTime() - ms);
}
