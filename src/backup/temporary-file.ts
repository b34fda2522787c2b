import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { clearingAtExit } from '../signals.ts';
import { onDisk } from './backup-place.ts';

const PREFIX = 'watchbell-on-its-way-';
/** As `mkdtemp` names them. */
const NAME = /^watchbell-on-its-way-[A-Za-z0-9]{6}$/;
/** A file of 4 GB is through by then; a daily backup meets what the one before has left. */
const LEFT_AFTER_MS = 12 * 3_600_000;

/**
 * Lends a path in a directory of its own below `through`. It is gone afterwards, also when a signal ends the process; what
 * a `kill -9` left is cleared away by a later one.
 */
export async function withTemporaryFile<T>(
  through: string,
  file: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  await clearLeftovers(through);
  const directory = await onDisk(through, () => mkdtemp(join(through, PREFIX)));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  return clearingAtExit(remove, async () => {
    try {
      return await work(join(directory, file));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

async function clearLeftovers(through: string): Promise<void> {
  for (const name of await readdir(through).catch(() => [])) {
    if (!NAME.test(name)) continue;
    const directory = join(through, name);
    const found = await lstat(directory).catch(() => undefined);
    // What belongs to somebody else stays.
    if (found && Date.now() - found.mtimeMs > LEFT_AFTER_MS)
      await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}
