import { readBackup, type Line } from '../backup/backup-file.ts';
import { findBackup } from '../backup/backup-place.ts';
import { restore } from '../backup/restore.ts';
import { migrate } from '../db/migrate.ts';
import { readCounts } from '../db/serial-numbers.ts';
import { assertUsable } from '../db/surroundings.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase } from './with-database.ts';

export interface RestoreOptions extends ProgramSetupOptions {
  /** Reads the complete file and changes nothing. */
  readonly check?: boolean;
  /** Where the file from a bucket is stored meanwhile. */
  readonly through?: string;
}

/** `from`: a backup, or a place with backups, of which the newest is used. */
export async function restoreCommand(from: string, options: RestoreOptions): Promise<number> {
  const { place, name } = await findBackup(from, options.through);
  const address = place.addressOf(name);
  if (options.check) {
    const rows = await place.read(name, (path) => countRows(readBackup(path, address)));
    console.log(`${address} is complete: ${rows} rows`);
    return 0;
  }
  return withBareDatabase(options, async (database, setup) => {
    await assertUsable(database);
    await migrate(
      database,
      setup.folders.skills.map((folder) => folder.migrations),
    );
    const held = await place.read(name, (path) => restore(database, readBackup(path, address)));
    console.log(`Restored ${address}. The bot starts from now: no older command is run, nothing is sent again.`);
    const lines = [
      [held.messages, 'unsent messages', 'watchbell messages dead, messages replay'],
      [held.events, 'unhandled events', 'watchbell events failed, events replay'],
      [held.timers, 'due timers', 'watchbell recover --held list, release or drop'],
      [held.tasks, 'unfinished tasks', 'watchbell recover --held list, release or drop'],
    ] as const;
    for (const [count, what, how] of lines) if (count > 0) console.log(`held: ${count} ${what} (${how})`);
    console.log(
      `Numbers continue above any assigned since the backup, so that none is used twice: ${describe(await readCounts(database.query))}.`,
    );
    return 0;
  });
}

/** `alert 14001, audit 1012001`: where each sequence continues; sequences are named after what they number. */
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
