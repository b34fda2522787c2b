import { migrate } from '../db/migrate.ts';
import { assertUsable } from '../db/surroundings.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

export function migrateCommand(options: ProgramSetupOptions): Promise<number> {
  return withBareDatabase(options, async (database, setup) => {
    await assertUsable(database);
    const applied = await migrate(
      database,
      setup.folders.skills.map((folder) => folder.migrations),
    );
    console.log(applied.length === 0 ? 'The schema is up to date.' : applied.map((one) => `applied ${one}`).join('\n'));
    return 0;
  });
}
