import { randomUUID } from 'node:crypto';
import type { Query } from '../db/database.ts';

/** The core's timer that checks whether a notification was shown; its key is the notification's id. */
export const NOTIFY_TIMER = 'notify';

/** A message to a person, and the account where it is being tried. */
export interface Notification {
  readonly id: string;
  readonly skill: string;
  readonly key: string;
  readonly person: string;
  readonly connector: string;
  readonly account: string;
  /** JSON of the message. */
  readonly content: string;
  readonly queue: 'page' | 'bulk';
  readonly state: 'waiting' | 'shown' | 'dead';
}

const COLUMNS = 'id, skill, key, person, connector, account, content, queue, state';

/** Reads and locks a notification, so that decisions about it are made one at a time. */
export async function lockNotification(
  query: Query,
  at: Pick<Notification, 'skill' | 'key' | 'person'>,
): Promise<Notification | undefined> {
  const [row] = await query<Notification>(
    `select ${COLUMNS} from notifications where skill = $1 and key = $2 and person = $3 for update`,
    [at.skill, at.key, at.person],
  );
  return row;
}

export async function lockNotificationById(query: Query, id: string): Promise<Notification | undefined> {
  const [row] = await query<Notification>(`select ${COLUMNS} from notifications where id = $1 for update`, [id]);
  return row;
}

/** Whether the account does not show it yet. If it does, or never will, a delivery report follows, however late. */
export async function isUnshown(query: Query, { skill, key, connector, account }: Notification): Promise<boolean> {
  const [row] = await query<{ pending: boolean }>(
    'select pending from messages where skill = $1 and key = $2 and connector = $3 and room = $4',
    [skill, key, connector, `direct:${account}`],
  );
  return row?.pending ?? true;
}

/** Writes a notification; resolves to its id. */
export async function writeNotification(query: Query, given: Omit<Notification, 'id'>, now: Date): Promise<string> {
  const { skill, key, person, connector, account, content, queue, state } = given;
  const [row] = await query<{ id: string }>(
    `insert into notifications (id, skill, key, person, connector, account, content, queue, state, changed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (skill, key, person) do update set connector = excluded.connector, account = excluded.account,
       content = excluded.content, queue = excluded.queue, state = excluded.state, changed_at = excluded.changed_at
     returning id`,
    [randomUUID(), skill, key, person, connector, account, content, queue, state, now],
  );
  if (!row) throw new Error('the notification was not stored');
  return row.id;
}
