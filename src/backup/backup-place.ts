import { rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf, StartFailed } from '../errors.ts';
import { clearingAtExit } from '../signals.ts';
import { draftOf } from './backup-file.ts';

/** Where backups are kept. */
export interface BackupPlace {
  /** How people find it. */
  addressOf(name: string): string;
  /** Names of whole backups, newest first. */
  list(): Promise<readonly string[]>;
  /** Keeps what `work` writes to the path that it is given; nothing when that fails. */
  write<T>(name: string, work: (path: string) => Promise<T>): Promise<T>;
  /** Lends a path at which the backup can be read. */
  read<T>(name: string, work: (path: string) => Promise<T>): Promise<T>;
  remove(name: string): Promise<void>;
  /** Clears away what backups that were cut off have left. */
  tidy(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** What an error of a disk is called, and none of a connection. */
const OF_DISK =
  /^E(?:ACCES|BUSY|DQUOT|EXIST|FBIG|INVAL|IO|ISDIR|LOOP|MFILE|NAMETOOLONG|NFILE|NODEV|NOENT|NOSPC|NOTDIR|NOTEMPTY|NXIO|PERM|ROFS|STALE|XDEV)$/;
/** Something is meant that has a scheme: of one letter it would be a drive. */
const WITH_SCHEME = /^(?:s3:|[a-z][a-z0-9+.-]+:\/)/i;
const NAME = /^watchbell-\d{4}-\d{2}-\d{2}T[\d-]+Z\.jsonl\.gz$/;

export function newName(): string {
  return `watchbell-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.jsonl.gz`;
}

/** Of names, those of backups, newest first. */
export function backupsIn(names: readonly string[]): string[] {
  return names
    .filter((name) => NAME.test(name))
    .toSorted()
    .toReversed();
}

/** A directory on this machine, or with `s3://BUCKET/PREFIX` a bucket; files on their way there lie in `through`. */
export async function placeOf(address: string, through = tmpdir()): Promise<BackupPlace> {
  if (!address.startsWith('s3://')) {
    if (!WITH_SCHEME.test(address)) return directory(address);
    // Not the rest of it, which may hold a password.
    const scheme = address.slice(0, address.indexOf(':') + 1);
    throw new StartFailed(`backups are not kept in ${scheme}…: name a directory, or write s3://BUCKET/PREFIX`);
  }
  const { bucket } = await import('./backup-bucket.ts');
  return bucket(address, through, process.env);
}

/** The backup that is meant: itself, or the newest of a place. */
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
        return clearingAtExit(
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
        // One that another process is writing is younger.
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

/** A directory that is none, may not be written or is full is nothing that a stack trace would explain; nor is it the network. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!OF_DISK.test(codeOf(error) ?? '') || isOfConnection(error)) throw error;
    throw new StartFailed(
      `the backup cannot be written to ${path}: ${messageOf(error)}; name a directory that may be written and has room`,
      { cause: error },
    );
  }
}

/** A socket that is a file has the codes of one. */
function isOfConnection(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
}

/** With those it lies in. Node's own `recursive` never ends where none can be made, as below /proc. */
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
