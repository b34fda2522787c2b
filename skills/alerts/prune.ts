import type { Context } from '#skill';
import type { AlertOptions } from './options.ts';

/** Rows a table and run: about a second on a busy machine, far from the 5 s of a handler. */
const BATCH = 2000;

/** Deletes history older than `keep`, a batch at a time; what is open stays, with all that was said about it. */
export async function prune(context: Context<AlertOptions>): Promise<void> {
  const before = new Date(context.now.getTime() - context.options.keep);
  let full = false;
  for (const statement of STATEMENTS) {
    const rows = await context.sql<{ gone: number }>(
      `with gone as (${statement} returning 1) select count(*)::integer as gone from gone`,
      [before],
    );
    if ((rows[0]?.gone ?? 0) >= BATCH) full = true;
  }
  if (full) await context.at('prune', new Date(context.now.getTime() + 1000), 'prune', {});
}

// Alerts go with their memberships; history goes by its own age, also that of alerts that still come back.
const STATEMENTS = [
  `delete from alerts where id = any(array(select id from alerts where phase <> 'firing' and changed_at < $1 order by changed_at limit ${BATCH} for update skip locked))`,
  `delete from alert_groups where id = any(array(select id from alert_groups where not open and changed_at < $1 order by changed_at limit ${BATCH} for update skip locked))`,
  `delete from alert_episodes where id = any(array(select id from alert_episodes where ended_at < $1 order by ended_at limit ${BATCH}))`,
  `delete from alert_timeline where ctid = any(array(select t.ctid from alert_timeline t
     where t.at < $1 and not exists (select 1 from alerts a where a.id = t.alert_id and a.phase = 'firing' and a.number = t.number) limit ${BATCH}))`,
];
