import type { Query } from '../db/database.ts';
import type { Answer } from './run-command.ts';

/** The same press within this time counts as a repeat. */
const SAME_WITHIN_MS = 60_000;

/** A command that an account pressed on a message. */
export interface RecordedInteraction {
  readonly message: string;
  readonly account: string;
  readonly command: string;
}

/**
 * Records a press. If the same one was recorded less than a minute ago, resolves to its answers, and nothing is run. A message that
 * has rung since is a new one with new buttons: after `unack`, the same person can acknowledge again at once. A room is one lane, so
 * presses on a message are handled one at a time.
 */
export async function recordInteraction(
  query: Query,
  press: RecordedInteraction,
  now: Date,
): Promise<readonly Answer[] | undefined> {
  const { message, account, command } = press;
  const noted = await query(
    `insert into presses as p (message_id, account, command, at, ring)
     values ($1, $2, $3, $4, (select delivered_ring from messages where id = $1))
     on conflict (message_id, account) do update set command = excluded.command, at = excluded.at, ring = excluded.ring, answers = '[]'
     where p.command <> excluded.command or p.ring <> excluded.ring or p.at <= $5 returning at`,
    [message, account, command, now, new Date(now.getTime() - SAME_WITHIN_MS)],
  );
  if (noted.length > 0) return undefined;
  const [before] = await query<{ answers: string }>(
    'select answers from presses where message_id = $1 and account = $2',
    [message, account],
  );
  return JSON.parse(before?.answers ?? '[]') as Answer[];
}

/** Stores the answers to a press. */
export async function keepAnswers(
  query: Query,
  { message, account }: RecordedInteraction,
  answers: readonly Answer[],
): Promise<void> {
  await query('update presses set answers = $3 where message_id = $1 and account = $2', [
    message,
    account,
    JSON.stringify(answers),
  ]);
}
