import { readAudit } from '../commands/audit.ts';
import { StartFailed } from '../errors.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

const PAGE = 1000;

export function exportAudit(options: ProgramSetupOptions & { since?: string }): Promise<number> {
  let after = Number(options.since ?? 0);
  if (!Number.isSafeInteger(after) || after < 0)
    throw new StartFailed('--since must be the id of an entry: a whole number');
  return withBareDatabase(options, async (database) => {
    for (;;) {
      const rows = await readAudit(database.query, after, PAGE);
      for (const row of rows) console.log(JSON.stringify(row));
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return 0;
      after = last.id;
    }
  });
}
