import { StartFailed } from '../errors.ts';
import { listFailed, replayFailed } from '../events/failed.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

const MAX_ROWS = 200;

export function failed(options: ProgramSetupOptions & { json?: boolean }): Promise<number> {
  return withBareDatabase(options, async (database) => {
    const rows = await listFailed(database.query, MAX_ROWS);
    if (options.json) for (const row of rows) console.log(JSON.stringify(row));
    else if (rows.length === 0) console.log('No failed events.');
    else
      for (const row of rows)
        console.log(
          `${row.id}  ${row.accepted_at.toISOString()}  ${row.kind}${row.skill ? ` for ${row.skill}` : ''}  error ${row.error_id?.slice(0, 8) ?? '-'}: ${row.message ?? ''}`,
        );
    return 0;
  });
}

export function replay(ids: readonly string[], options: ProgramSetupOptions): Promise<number> {
  const numbers = ids.includes('all') ? undefined : ids.map(Number);
  if (numbers?.some((id) => !Number.isSafeInteger(id) || id <= 0))
    throw new StartFailed('name the ids that `watchbell events failed` lists, or "all"');
  return withBareDatabase(options, async (database) => {
    const rows = await replayFailed(database.query, numbers);
    console.log(
      rows.length === 0
        ? 'None of these events has failed; nothing was changed.'
        : `${rows.length} will be handled again: ${rows.map((row) => row.id).join(', ')}`,
    );
    return rows.length === 0 ? 1 : 0;
  });
}
