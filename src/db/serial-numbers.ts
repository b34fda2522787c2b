import type { Query } from './database.ts';

/** Numbers that a burst may have taken since, such as a storm of alerts, however few were given before. */
const LEAST_GAP = 10_000;
/** How much faster than on average they may have been given. */
const HASTE = 10;
/** Numbers begin behind a round one: whoever sees a number knows from which side of the gap it is. */
const ROUND = 1000;
const DAY_MS = 86_400_000;

/** Where a count stood once, by the name of its sequence. */
export type Counts = Readonly<Record<string, string | number>>;

export interface Since {
  /** Since the counts were read. */
  readonly elapsedMs: number;
  /** Between the beginning of all counts and then. */
  readonly lifetimeMs: number;
}

/**
 * Raises every sequence above what may have been given since `counts` was read: people remember alerts by number, and other
 * systems read on behind the last entry of the audit. A sequence that `counts` lacks may have begun meanwhile.
 */
export async function passOver(query: Query, counts: Counts, { elapsedMs, lifetimeMs }: Since): Promise<void> {
  const times = (HASTE * Math.max(0, elapsedMs)) / Math.max(lifetimeMs, DAY_MS);
  for (const { name, most } of await query<{ name: string; most: number }>(
    'select sequencename::text as name, max_value as most from pg_sequences where schemaname = current_schema()',
  )) {
    const last = Number(counts[name] ?? 0);
    const wanted = Math.ceil((last + Math.max(LEAST_GAP, last * times)) / ROUND) * ROUND;
    // In what is left of a small type there must be room to go on.
    const next = Math.min(wanted, Math.floor((last + most) / 2));
    await query('select setval(quote_ident($1)::regclass, $2::bigint)', [name, next]);
  }
}

/** Where each sequence that has given a number stands, as text: no number of a backup may lose its last digits. */
export async function readCounts(query: Query): Promise<Record<string, string>> {
  const rows = await query<{ name: string; last: string }>(
    `select sequencename as name, last_value::text as last from pg_sequences where schemaname = current_schema() and last_value is not null`,
  );
  return Object.fromEntries(rows.map(({ name, last }) => [name, last]));
}
