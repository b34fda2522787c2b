import { readBackup, writeBackup } from '../backup/backup-file.ts';
import { newName, placeOf, type BackupPlace } from '../backup/backup-place.ts';
import { recordBackup } from '../backup/backup-record.ts';
import { dump } from '../backup/dump.ts';
import { messageOf, StartFailed } from '../errors.ts';
import { readVersion } from '../version.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

export interface BackupOptions extends ProgramSetupOptions {
  readonly to: string;
  /** How many to keep; older ones are deleted. */
  readonly keep: string;
  /** Where the file lies until a bucket has it. */
  readonly through?: string;
}

/** Writes one file, reads it once more to its end, notes when, and only then deletes the oldest. */
export async function backup({ to, keep, through, ...options }: BackupOptions): Promise<number> {
  const most = Number(keep);
  if (!Number.isSafeInteger(most) || most < 1) throw new StartFailed(`--keep: "${keep}" is not a number from 1 up`);
  const place = await placeOf(to, through);
  return withBareDatabase(options, async (database) => {
    const name = newName();
    const counts = await place.write(name, async (path) => {
      const written = await writeBackup(path, dump(database, readVersion()));
      for await (const _ of readBackup(path));
      return written;
    });
    await recordBackup(database.query);
    const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
    console.log(`${place.addressOf(name)}: ${rows} rows of ${Object.keys(counts).length} tables`);
    try {
      await clearOld(place, name, most);
    } catch (error) {
      // A backup is there: to fail now would only have it made and sent again.
      console.error(`watchbell: the backup is kept, and older ones could not be cleared away: ${messageOf(error)}`);
    }
    return 0;
  });
}

async function clearOld(place: BackupPlace, newest: string, most: number): Promise<void> {
  // By a clock that is behind, the one just written is not the newest.
  const others = (await place.list()).filter((one) => one !== newest);
  for (const old of others.slice(most - 1)) {
    await place.remove(old);
    console.log(`deleted ${old}`);
  }
  await place.tidy();
}
