import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dump } from '../db/backup.ts';
import { readBackup, writeBackup } from '../db/backup-file.ts';
import { recordBackup } from '../db/backup-record.ts';
import { codeOf, messageOf, StartFailed } from '../errors.ts';
import { readVersion } from '../version.ts';
import { withDatabase, type SettingOptions } from './setting.ts';

export interface BackupOptions extends SettingOptions {
  readonly to: string;
  /** How many to keep; older ones are deleted. */
  readonly keep: string;
}

const DAY_MS = 86_400_000;
const NAME = /^watchbell-\d{4}-\d{2}-\d{2}T[\d-]+Z\.jsonl\.gz$/;

/** Writes one file, reads it once more to its end, notes when, and only then deletes the oldest. */
export function backup({ to, keep, ...options }: BackupOptions): Promise<number> {
  const most = Number(keep);
  if (!Number.isSafeInteger(most) || most < 1) throw new StartFailed(`--keep: "${keep}" is not a number from 1 up`);
  return withDatabase(options, (database) =>
    onDisk(to, async () => {
      await makeDirectory(to);
      const name = `watchbell-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.jsonl.gz`;
      const counts = await writeBackup(join(to, name), dump(database, readVersion()));
      for await (const _ of readBackup(join(to, name)));
      await recordBackup(database.query);
      const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
      console.log(`${join(to, name)}: ${rows} rows of ${Object.keys(counts).length} tables`);
      for (const old of (await listBackups(to)).slice(most)) {
        await rm(join(to, old));
        console.log(`deleted ${old}`);
      }
      await clearDrafts(to);
      return 0;
    }),
  );
}

/** A directory that is none, may not be written or is full is nothing that a stack trace would explain. */
async function onDisk<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!/^E[A-Z]+$/.test(codeOf(error) ?? '')) throw error;
    throw new StartFailed(
      `the backup cannot be written to ${directory}: ${messageOf(error)}; name a directory that may be written and has room, with --to`,
      { cause: error },
    );
  }
}

/** With those it lies in. Node's own `recursive` never ends where none can be made, as below /proc. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(directory)).isDirectory()) return;
    const parent = dirname(directory);
    if (codeOf(error) !== 'ENOENT' || (await stat(parent).catch(() => undefined))) throw error;
    await makeDirectory(parent);
    await makeDirectory(directory);
  }
}

/** What a backup that was cut off has left; one that another process is writing is younger. */
async function clearDrafts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.gz.partial')) continue;
    const draft = join(directory, name);
    const found = await stat(draft).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > DAY_MS) await rm(draft, { force: true });
  }
}

/** Newest first. */
export async function listBackups(directory: string): Promise<string[]> {
  return (await readdir(directory))
    .filter((name) => NAME.test(name))
    .sort()
    .reverse();
}
