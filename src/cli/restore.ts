import { readBackup, type Line } from '../backup/backup-file.ts';
import { findBackup } from '../backup/backup-place.ts';
import { restore } from '../backup/restore.ts';
import { migrate } from '../db/migrate.ts';
import { readCounts } from '../db/serial-numbers.ts';
import { refuseUnfit } from '../db/surroundings.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

export interface RestoreOptions extends ProgramSetupOptions {
  /** Reads the file to its end and touches nothing. */
  readonly check?: boolean;
  /** Where the file of a bucket lies meanwhile. */
  readonly through?: string;
}

/** `from`: a backup, or where they are kept, of which the newest is taken. */
export async function restoreCommand(from: string, options: RestoreOptions): Promise<number> {
  const { place, name } = await findBackup(from, options.through);
  const address = place.addressOf(name);
  if (options.check) {
    const rows = await place.read(name, (path) => countRows(readBackup(path, address)));
    console.log(`${address} is whole: ${rows} rows`);
    return 0;
  }
  return withBareDatabase(options, async (database, setup) => {
    await refuseUnfit(database);
    await migrate(
      database,
      setup.folders.skills.map((folder) => folder.migrations),
    );
    const held = await place.read(name, (path) => restore(database, readBackup(path, address)));
    console.log(`Restored ${address}. The bot begins from now: nothing said before is run, nothing is sent again.`);
    const lines = [
      [held.messages, 'messages that waited', 'watchbell messages dead, messages replay'],
      [held.events, 'events that were not handled', 'watchbell events failed, events replay'],
      [held.timers, 'timers that were due', 'watchbell recover --held list, release or drop'],
      [held.tasks, 'tasks that were not finished', 'watchbell recover --held list, release or drop'],
    ] as const;
    for (const [count, what, how] of lines) if (count > 0) console.log(`held: ${count} ${what} (${how})`);
    console.log(
      `Numbers go on above what may have been given since the backup, so that none means two things: ${describe(await readCounts(database.query))}.`,
    );
    return 0;
  });
}

/** `alert 14001, audit 1012001`: where each count begins; sequences are named after what they count. */
function describe(counts: Record<string, string>): string {
  return Object.entries(counts)
    .map(([name, last]) => `${name.replace(/(_id)?_seq$|_numbers$/, '').replaceAll('_', ' ')} ${Number(last) + 1}`)
    .sort()
    .join(', ');
}

async function countRows(lines: AsyncIterable<Line>): Promise<number> {
  let rows = 0;
  for await (const line of lines) if (line.type === 'row') rows++;
  return rows;
}
