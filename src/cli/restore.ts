import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readBackup } from '../db/backup-file.ts';
import { migrate } from '../db/migrate.ts';
import { restore } from '../db/restore.ts';
import { StartFailed } from '../errors.ts';
import { listBackups } from './backup.ts';
import { withDatabase, type SettingOptions } from './setting.ts';

export interface RestoreOptions extends SettingOptions {
  /** Reads the file to its end and touches nothing. */
  readonly check?: boolean;
}

/** `from`: a backup, or a directory, of which the newest is taken. */
export async function restoreCommand(from: string, options: RestoreOptions): Promise<number> {
  const path = await findBackup(from);
  if (options.check) {
    let rows = 0;
    for await (const line of readBackup(path)) if (line.type === 'row') rows++;
    console.log(`${path} is whole: ${rows} rows`);
    return 0;
  }
  return withDatabase(options, async (database, setting) => {
    await migrate(
      database,
      setting.folders.skills.map((folder) => folder.migrations),
    );
    const held = await restore(database, readBackup(path));
    console.log(`Restored ${path}. The bot begins from now: nothing said before is run, nothing is sent again.`);
    const lines = [
      [held.messages, 'messages that waited', 'watchbell messages dead, messages replay'],
      [held.events, 'events that were not handled', 'watchbell events failed, events replay'],
      [held.timers, 'timers that were due', 'watchbell recover --held list, release or drop'],
      [held.tasks, 'tasks that were not finished', 'watchbell recover --held list, release or drop'],
    ] as const;
    for (const [count, what, how] of lines) if (count > 0) console.log(`held: ${count} ${what} (${how})`);
    return 0;
  });
}

async function findBackup(from: string): Promise<string> {
  const found = await stat(from).catch(() => undefined);
  if (!found) throw new StartFailed(`there is no ${from}: name a backup, or the directory they are in`);
  if (!found.isDirectory()) return from;
  const [newest] = await listBackups(from);
  if (newest === undefined) throw new StartFailed(`there is no backup in ${from}`);
  return join(from, newest);
}
