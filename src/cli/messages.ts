import { StartFailed } from '../errors.ts';
import { listDead, replayDead } from '../messages/dead-letters.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

const MAX_ROWS = 200;

export function dead(options: ProgramSetupOptions & { json?: boolean }): Promise<number> {
  return withBareDatabase(options, async (database) => {
    const rows = await listDead(database.query, MAX_ROWS);
    if (options.json) for (const row of rows) console.log(JSON.stringify(row));
    else if (rows.length === 0) console.log('No dead letters.');
    else
      for (const row of rows)
        console.log(`${row.id}  ${row.wanted_at.toISOString()}  ${row.connector} ${row.room}  ${row.reason ?? ''}`);
    return 0;
  });
}

export function replay(ids: readonly string[], options: ProgramSetupOptions): Promise<number> {
  const chosen = ids.includes('all') ? undefined : ids;
  if (chosen?.some((id) => !/^[0-9a-f-]{36}$/.test(id)))
    throw new StartFailed('name the ids that `watchbell messages dead` lists, or "all"');
  return withBareDatabase(options, async (database) => {
    const rows = await replayDead(database.query, chosen);
    console.log(
      rows.length === 0
        ? 'None of these is a dead letter; nothing was changed.'
        : `${rows.length} will be sent again; the running bot starts within a second.`,
    );
    return rows.length === 0 ? 1 : 0;
  });
}
