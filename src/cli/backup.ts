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
  /** Where the file is stored until it is uploaded to a bucket. */
  readonly through?: string;
}

/** Writes one file, reads it back completely, records the time, and only then deletes the oldest. */
export async function backup({ to, keep, through, ...options }: BackupOptions): Promise<number> {
  const keepCount = Number(keep);
  if (!Number.isSafeInteger(keepCount) || keepCount < 1)
    throw new StartFailed(`--keep "${keep}" must be a whole number from 1`);
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
      await deleteOld(place, name, keepCount);
    } catch (error) {
      // The backup exists: failing now would only make and upload it again.
      console.error(`watchbell: the backup was made, but older ones could not be deleted: ${messageOf(error)}`);
    }
    return 0;
  });
}

async function deleteOld(place: BackupPlace, newest: string, keepCount: number): Promise<void> {
  // If the clock is behind, the one just written is not the newest by name.
  const others = (await place.list()).filter((one) => one !== newest);
  for (const old of others.slice(keepCount - 1)) {
    await place.remove(old);
    console.log(`deleted ${old}`);
  }
  await place.tidy();
}
