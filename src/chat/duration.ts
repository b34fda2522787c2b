const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const SHAPE = /^(?:\d{1,7}(?:s|m|h|d|w))+$/;

/** `90s`, `15m`, `1h30m`, `5d` to milliseconds; undefined for anything else, also for zero and more than 10 years. */
export function parseDuration(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (!SHAPE.test(lower)) return undefined;
  let total = 0;
  for (const [, count, unit] of lower.matchAll(/(\d+)([smhdw])/g)) total += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  return total > 0 && total <= 3650 * 86_400_000 ? total : undefined;
}

/** Formats milliseconds for people, with at most two units: `37 min`, `2 h 5 min`, `3 d 4 h`, `12 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}
