import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withCleanupAtExit } from '../signals.ts';
import { onDisk } from './backup-place.ts';

const PREFIX = 'watchbell-on-its-way-';
/** As `mkdtemp` names them. */
const NAME = /^watchbell-on-its-way-[A-Za-z0-9]{6}$/;
/** A file of 4 GB is transferred by then; a daily backup finds leftovers of the previous one. */
const LEFTOVER_AFTER_MS = 12 * 3_600_000;

/**
 * Runs `work` with a path in a new directory below `through`, which is deleted afterwards, also when a signal ends the process.
 * Leftovers of a `kill -9` are deleted by a later call.
 */
export async function withTemporaryFile<T>(
  through: string,
  file: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  await deleteLeftovers(through);
  const directory = await onDisk(through, () => mkdtemp(join(through, PREFIX)));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  return withCleanupAtExit(remove, async () => {
    try {
      return await work(join(directory, file));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

async function deleteLeftovers(through: string): Promise<void> {
  for (const name of await readdir(through).catch(() => [])) {
    if (!NAME.test(name)) continue;
    const directory = join(through, name);
    const found = await lstat(directory).catch(() => undefined);
    // A recent one may belong to another process.
    if (found && Date.now() - found.mtimeMs > LEFTOVER_AFTER_MS)
      await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}
