import { rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf, StartFailed } from '../errors.ts';
import { withCleanupAtExit } from '../signals.ts';
import { draftOf } from './backup-file.ts';

/** Where backups are kept. */
export interface BackupPlace {
  /** The address shown to people. */
  addressOf(name: string): string;
  /** Names of complete backups, newest first. */
  list(): Promise<readonly string[]>;
  /** Stores what `work` writes to the given path; nothing if that fails. */
  write<T>(name: string, work: (path: string) => Promise<T>): Promise<T>;
  /** Runs `work` with a path from which the backup can be read. */
  read<T>(name: string, work: (path: string) => Promise<T>): Promise<T>;
  remove(name: string): Promise<void>;
  /** Deletes leftovers of interrupted backups. */
  tidy(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Error codes of disks, but not of connections. */
const DISK_ERROR =
  /^E(?:ACCES|BUSY|DQUOT|EXIST|FBIG|INVAL|IO|ISDIR|LOOP|MFILE|NAMETOOLONG|NFILE|NODEV|NOENT|NOSPC|NOTDIR|NOTEMPTY|NXIO|PERM|ROFS|STALE|XDEV)$/;
/** An address with a scheme; a single letter would be a drive. */
const WITH_SCHEME = /^(?:s3:|[a-z][a-z0-9+.-]+:\/)/i;
const NAME = /^watchbell-\d{4}-\d{2}-\d{2}T[\d-]+Z\.jsonl\.gz$/;

export function newName(): string {
  return `watchbell-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.jsonl.gz`;
}

/** The names that are backups, newest first. */
export function backupsIn(names: readonly string[]): string[] {
  return names
    .filter((name) => NAME.test(name))
    .toSorted()
    .toReversed();
}

/** A local directory, or for `s3://BUCKET/PREFIX` a bucket, with temporary files in `through`. */
export async function placeOf(address: string, through = tmpdir()): Promise<BackupPlace> {
  if (!address.startsWith('s3://')) {
    if (!WITH_SCHEME.test(address)) return directory(address);
    // Do not show the rest, which may contain a password.
    const scheme = address.slice(0, address.indexOf(':') + 1);
    throw new StartFailed(`backups cannot be kept in ${scheme}…: name a directory, or write s3://BUCKET/PREFIX`);
  }
  const { bucket } = await import('./backup-bucket.ts');
  return bucket(address, through, process.env);
}

/** Finds the backup at an address, or the newest one of a place. */
export async function findBackup(
  address: string,
  through?: string,
): Promise<{ readonly place: BackupPlace; readonly name: string }> {
  const name = basename(address);
  const isOne = address.startsWith('s3://') ? NAME.test(name) : (await stat(address).catch(() => undefined))?.isFile();
  if (isOne) return { place: await placeOf(dirname(address), through), name };
  const place = await placeOf(address, through);
  const [newest] = await place.list();
  if (newest === undefined) throw new StartFailed(`there is no backup in ${address}`);
  return { place, name: newest };
}

function directory(path: string): BackupPlace {
  return {
    addressOf: (name) => join(path, name),
    list: async () => backupsIn(await namesIn(path)),
    write: (name, work) =>
      onDisk(path, async () => {
        await makeDirectory(path);
        const file = join(path, name);
        return withCleanupAtExit(
          () => rmSync(draftOf(file), { force: true }),
          () => work(file),
        );
      }),
    read: (name, work) => work(join(path, name)),
    remove: (name) => rm(join(path, name)),
    async tidy() {
      for (const name of await readdir(path)) {
        if (!name.endsWith('.gz.partial')) continue;
        const draft = join(path, name);
        const found = await stat(draft).catch(() => undefined);
        // A younger one may still be written by another process.
        if (found && Date.now() - found.mtimeMs > DAY_MS) await rm(draft, { force: true });
      }
    },
  };
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw new StartFailed(`there is no ${path}: name a backup, or the directory they are in`, { cause: error });
  }
}

/** Turns disk errors of `work` (no directory, no permission, no space) into a {StartFailed}; network errors pass through. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!DISK_ERROR.test(codeOf(error) ?? '') || isConnectionError(error)) throw error;
    throw new StartFailed(
      `the backup cannot be written to ${path}: ${messageOf(error)}; choose a writable directory with enough space`,
      { cause: error },
    );
  }
}

/** A Unix socket causes errors with the codes of files. */
function isConnectionError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
}

/** Creates parents too. Node's own `recursive` never returns where none can be created, as below /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || (await stat(parent).catch(() => undefined))) throw error;
    await makeDirectory(parent);
    await makeDirectory(path);
  }
}
