import { migrate } from '../db/migrate.ts';
import { refuseUnfit } from '../db/surroundings.ts';
import type { SettingOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

export function migrateCommand(options: SettingOptions): Promise<number> {
  return withBareDatabase(options, async (database, setting) => {
    await refuseUnfit(database);
    const applied = await migrate(
      database,
      setting.folders.skills.map((folder) => folder.migrations),
    );
    console.log(applied.length === 0 ? 'The schema is up to date.' : applied.map((one) => `applied ${one}`).join('\n'));
    return 0;
  });
}
