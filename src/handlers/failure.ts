import { randomUUID } from 'node:crypto';
import { cut } from '../chat/cut.ts';
import type { Query, Transaction } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import { mask } from '../mask.ts';

export interface Failure {
  /** Default: a new one. */
  readonly id?: string;
  readonly kind: 'command' | 'general';
  readonly skill: string | undefined;
  readonly eventId: number | undefined;
  readonly error: unknown;
  readonly at: Date;
}

/** Stores an error, so that a person can look it up by its id. Returns the id. */
export async function recordError(query: Query, failure: Failure): Promise<string> {
  const id = failure.id ?? randomUUID();
  const stack =
    typeof failure.error === 'object' && failure.error !== null && 'stack' in failure.error
      ? String(failure.error.stack)
      : null;
  await query(
    'insert into errors (id, kind, at, skill, event_id, message, stack) values ($1, $2, $3, $4, $5, $6, $7)',
    [
      id,
      failure.kind,
      failure.at,
      failure.skill ?? null,
      failure.eventId ?? null,
      clean(`${codeOf(failure.error) ?? ''} ${messageOf(failure.error)}`.trim()),
      stack && clean(mask(stack)),
    ],
  );
  return id;
}

/** Postgres cannot store NUL, and an error's text may contain what somebody sent. */
function clean(text: string): string {
  return cut(text.replaceAll('\u0000', ''), 20_000);
}

/** The error number that people see: the first eight characters of its id. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** True at most once per `everyMs` for each `about`, across all replicas. */
export async function claimNotice(transaction: Transaction, about: string, everyMs: number): Promise<boolean> {
  const rows = await transaction.query(
    `insert into notices (about, at) values ($1, clock_timestamp())
     on conflict (about) do update set at = excluded.at where notices.at < clock_timestamp() - $2 * interval '1 millisecond' returning about`,
    [about, everyMs],
  );
  return rows.length > 0;
}
