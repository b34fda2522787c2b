import type { Context } from '#skill';
import type { AlertOptions } from './options.ts';

/** Rows for each table and run: about a second on a busy machine, far below the 5 s limit of a handler. */
const BATCH = 2000;

/** Deletes history older than `keep`, in batches. Open alerts stay, with their history. */
export async function prune(context: Context<AlertOptions>): Promise<void> {
  const before = new Date(context.now.getTime() - context.options.keep);
  let full = false;
  for (const statement of STATEMENTS) {
    const rows = await context.sql<{ deleted: number }>(
      `with deleted as (${statement} returning 1) select count(*)::integer as deleted from deleted`,
      [before],
    );
    if ((rows[0]?.deleted ?? 0) >= BATCH) full = true;
  }
  if (full) await context.at('prune', new Date(context.now.getTime() + 1000), 'prune', {});
}

// Alerts are deleted with their group memberships; history by its own age, also that of alerts that still fire again.
const STATEMENTS = [
  `delete from alerts where id = any(array(select id from alerts where phase <> 'firing' and changed_at < $1 order by changed_at limit ${BATCH} for update skip locked))`,
  `delete from alert_groups where id = any(array(select id from alert_groups where not open and changed_at < $1 order by changed_at limit ${BATCH} for update skip locked))`,
  `delete from alert_episodes where id = any(array(select id from alert_episodes where ended_at < $1 order by ended_at limit ${BATCH}))`,
  `delete from alert_timeline where ctid = any(array(select t.ctid from alert_timeline t
     where t.at < $1 and not exists (select 1 from alerts a where a.id = t.alert_id and a.phase = 'firing' and a.number = t.number) limit ${BATCH}))`,
];
