import type { Query } from '../db/database.ts';

/** Records that a backup is complete, for the metric. */
export async function recordBackup(query: Query): Promise<void> {
  await query(
    `insert into skill_state (skill, key, value) values ('core', 'backup', to_json(extract(epoch from clock_timestamp()))::text)
     on conflict (skill, key) do update set value = excluded.value`,
  );
}

/** Unix seconds of the last complete backup; undefined: there has been none. */
export async function lastBackup(query: Query): Promise<number | undefined> {
  const [row] = await query<{ value: string }>(`select value from skill_state where skill = 'core' and key = 'backup'`);
  return row && Number(row.value);
}
