import type { Query } from './database.ts';

/** Numbers that a burst, such as an alert storm, may have used since, however few were used before. */
const MIN_GAP = 10_000;
/** How much faster than on average numbers may have been assigned. */
const BURST_FACTOR = 10;
/** Numbers continue after a round one, so that people can see which side of the gap a number is on. */
const ROUND = 1000;
const DAY_MS = 86_400_000;

/** The last values of sequences, by name. */
export type Counts = Readonly<Record<string, string | number>>;

export interface Since {
  /** Time since the counts were read. */
  readonly elapsedMs: number;
  /** Time from the first number until then. */
  readonly lifetimeMs: number;
}

/**
 * Raises every sequence above any number that may have been assigned since `counts` was read: people remember alerts by number, and other
 * systems continue reading after the last audit entry. A sequence missing from `counts` may have started meanwhile.
 */
export async function skipUsedNumbers(query: Query, counts: Counts, { elapsedMs, lifetimeMs }: Since): Promise<void> {
  const times = (BURST_FACTOR * Math.max(0, elapsedMs)) / Math.max(lifetimeMs, DAY_MS);
  for (const { name, most } of await query<{ name: string; most: number }>(
    'select sequencename::text as name, max_value as most from pg_sequences where schemaname = current_schema()',
  )) {
    const last = Number(counts[name] ?? 0);
    const wanted = Math.ceil((last + Math.max(MIN_GAP, last * times)) / ROUND) * ROUND;
    // Leave room to continue in a small type.
    const next = Math.min(wanted, Math.floor((last + most) / 2));
    await query('select setval(quote_ident($1)::regclass, $2::bigint)', [name, next]);
  }
}

/** The last value of each sequence in use, as text, so that large numbers lose no digits in a backup. */
export async function readCounts(query: Query): Promise<Record<string, string>> {
  const rows = await query<{ name: string; last: string }>(
    `select sequencename as name, last_value::text as last from pg_sequences where schemaname = current_schema() and last_value is not null`,
  );
  return Object.fromEntries(rows.map(({ name, last }) => [name, last]));
}
