import type { Database } from './database.ts';

const BATCH = 5000;
/** A row that a handler is changing is no longer old once that commits, but a delete waiting for it would not check again. */
const UNTOUCHED = 'for update skip locked';

export interface PruneAges {
  /** Handled events; repeats are recognised by their ids. */
  readonly eventsMs: number;
  /** Messages, audit, errors. */
  readonly historyMs: number;
}

/**
 * Deletes old rows in small batches, so that no other statement waits long. Keeps unfinished work: new and
 * failed events, recently changed messages, dead letters, and digests as long as any message they replace. Events are kept longer than any active connector's
 * cursor is old, whatever the age; a cursor that has not moved for 30 days belongs to a removed connector. Returns the number of deleted rows.
 */
export async function prune(database: Database, ages: PruneAges, stopped: () => boolean): Promise<number> {
  const statements: readonly [deletes: string, ageMs: number, alsoDeletes?: string][] = [
    [
      `delete from events where id = any(array(select id from events where state = 'done'
         and handled_at < least(clock_timestamp() - $1 * interval '1 millisecond', (select min(stored_at) - interval '1 day' from cursors where stored_at > clock_timestamp() - interval '30 days')) limit ${BATCH}))`,
      ages.eventsMs,
    ],
    [
      `delete from messages where id = any(array(select id from messages where created_at < clock_timestamp() - $1 * interval '1 millisecond'
         and wanted_at < clock_timestamp() - $1 * interval '1 millisecond' and not pending and state <> 'dead'
         and not (digest and exists (select 1 from messages member where member.fold = messages.id)) limit ${BATCH} ${UNTOUCHED}))`,
      ages.historyMs,
      'delete from message_remotes where message_id in (select id from gone)',
    ],
    [
      `delete from files where hash = any(array(select hash from files kept where made_at < clock_timestamp() - $1 * interval '1 millisecond'
         and not exists (select 1 from messages m where m.files is not null and m.files @> array[kept.hash]) limit ${BATCH} ${UNTOUCHED}))`,
      ages.historyMs,
    ],
    [
      `delete from web_lines where id = any(array(select id from web_lines where at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.historyMs,
    ],
    [
      `delete from web_messages where id = any(array(select id from web_messages where changed_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.historyMs,
    ],
    [
      `delete from presses where id = any(array(select id from presses where at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.eventsMs,
    ],
    [
      `delete from tasks where id = any(array(select id from tasks where state = 'done' and finished_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.eventsMs,
    ],
    [
      `delete from overrides where id = any(array(select id from overrides where until_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.historyMs,
    ],
    [
      `delete from notifications where id = any(array(select id from notifications where changed_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH} ${UNTOUCHED}))`,
      ages.historyMs,
    ],
    [
      `delete from link_codes where person = any(array(select person from link_codes where expires_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH} ${UNTOUCHED}))`,
      ages.eventsMs,
    ],
    [
      `delete from link_guesses where (connector, account) in (select connector, account from link_guesses where last_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH} ${UNTOUCHED})`,
      ages.eventsMs,
    ],
    [
      `delete from audit where id = any(array(select id from audit where at < clock_timestamp() - $1 * interval '1 millisecond' limit ${BATCH}))`,
      ages.historyMs,
    ],
    [
      `delete from errors where id = any(array(select id from errors where at < clock_timestamp() - $1 * interval '1 millisecond' and not exists (select 1 from events where error_id = errors.id and state = 'failed') limit ${BATCH}))`,
      ages.historyMs,
    ],
  ];
  let total = 0;
  for (const [statement, ageMs, alsoDeletes] of statements) {
    for (;;) {
      if (stopped()) return total;
      const [row] = await database.query<{ count: number }>(
        `with gone as (${statement} returning *) ${alsoDeletes ? `, also as (${alsoDeletes})` : ''} select count(*)::int as count from gone`,
        [ageMs],
      );
      total += row?.count ?? 0;
      if ((row?.count ?? 0) < BATCH) break;
    }
  }
  return total;
}
