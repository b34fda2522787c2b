import { hash, randomInt } from 'node:crypto';
import type { Query } from '../db/database.ts';

export const CODE_LIFE_MS = 10 * 60_000;
const MAX_WRONG = 5;
const WRONG_WITHIN_MS = 10 * 60_000;
/**
 * Without letters and digits that look alike (0 O, 1 I L, 2 Z, 5 S, 8 B), and without vowels, so that no code is a word. Eight of
 * these 23 make 8 * 10^10 codes: a million accounts with five guesses each find a given code with a chance of 1 in 15,000.
 */
const ALPHABET = '34679CDFGHJKMNPQRTVWXY8';
const LENGTH = 8;

/** `7KQ4-MXRP`. */
export function createCode(): string {
  const code = Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  return `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;
}

/** The hash of a code as people type it: in any case, with or without the hyphen. */
export function hashCode(code: string): string {
  return hash('sha256', code.toUpperCase().replace(/[^A-Z0-9]/g, ''), 'hex');
}

/** Stores a person's code in place of the previous one. Returns when it expires. */
export async function storeCode(
  query: Query,
  { person, code }: { readonly person: string; readonly code: string },
  now: Date,
): Promise<Date> {
  const expiresAt = new Date(now.getTime() + CODE_LIFE_MS);
  await query(
    `insert into link_codes (person, hash, expires_at) values ($1, $2, $3)
     on conflict (person) do update set hash = excluded.hash, expires_at = excluded.expires_at`,
    [person, hashCode(code), expiresAt],
  );
  return expiresAt;
}

/** Uses up a code and returns its person, to only one of several transactions. Undefined: it is wrong, used or expired. */
export async function takeCode(query: Query, code: string, now: Date): Promise<string | undefined> {
  const [row] = await query<{ person: string; expires_at: Date }>(
    'delete from link_codes where hash = $1 returning person, expires_at',
    [hashCode(code)],
  );
  return row && row.expires_at > now ? row.person : undefined;
}

export interface GuessingAccount {
  readonly connector: string;
  readonly account: string;
}

/** How long this account has to wait before it may try a code; 0: it need not wait. */
export async function guessPauseMs(query: Query, { connector, account }: GuessingAccount, now: Date): Promise<number> {
  const [row] = await query<{ wrong: number; last_at: Date }>(
    'select wrong, last_at from link_guesses where connector = $1 and account = $2 for update',
    [connector, account],
  );
  if (!row || row.wrong < MAX_WRONG) return 0;
  return Math.max(0, row.last_at.getTime() + WRONG_WITHIN_MS - now.getTime());
}

export async function countWrongGuess(query: Query, { connector, account }: GuessingAccount, now: Date): Promise<void> {
  await query(
    `insert into link_guesses as g (connector, account, wrong, last_at) values ($1, $2, 1, $3)
     on conflict (connector, account) do update
     set wrong = case when g.last_at <= $4 then 1 else g.wrong + 1 end, last_at = excluded.last_at`,
    [connector, account, now, new Date(now.getTime() - WRONG_WITHIN_MS)],
  );
}
