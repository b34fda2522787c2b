import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { MAX_FILE_BYTES, type SourceFile } from './parse.ts';

/** Total size of a directory's files: a few ConfigMaps. */
const MAX_ALL_BYTES = 4 * MAX_FILE_BYTES;

export interface Source {
  readonly files: readonly SourceFile[];
  /** Of names and contents: a different hash means that something changed. */
  readonly hash: string;
}

/** The files cannot be read at all; the message names the path and the remedy. */
export class SourceMissing extends Error {
  readonly code = 'WB_CONFIG_MISSING';
}

/**
 * Reads a file, or all `*.yaml` and `*.yml` of a directory in order of their names; hidden ones belong to Kubernetes.
 * While Kubernetes replaces a ConfigMap (`..data` is switched between two reads) old and new files can be mixed, so
 * it reads until two reads agree.
 */
export async function readSource(path: string): Promise<Source> {
  let last = await readOnce(path);
  for (let attempt = 0; attempt < 5; attempt++) {
    const again = await readOnce(path);
    if (again.hash === last.hash) return again;
    last = again;
  }
  return last;
}

async function readOnce(path: string): Promise<Source> {
  try {
    const info = await stat(path);
    const names = info.isDirectory() ? await listDirectory(path) : [path];
    const files: SourceFile[] = [];
    let bytes = 0;
    for (const name of names) {
      const file = { name, bytes: await readSome(name) };
      bytes += file.bytes.length;
      if (bytes > MAX_ALL_BYTES)
        throw new SourceMissing(`${path}: its files are larger than 4 MiB in total, so they are not a configuration`);
      files.push(file);
    }
    return { files, hash: hashOf(files) };
  } catch (error) {
    if (error instanceof SourceMissing) throw error;
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file or directory' : messageOf(error);
    throw new SourceMissing(`${path}: ${why}; name the configuration with --config or WATCHBELL_CONFIG`, {
      cause: error,
    });
  }
}

async function listDirectory(path: string): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
  const files: string[] = [];
  for (const name of names) if ((await stat(join(path, name))).isFile()) files.push(join(path, name));
  if (files.length === 0) throw new SourceMissing(`${path}: has no *.yaml file; put the configuration there`);
  return files;
}

/** Enough of a file to know that it is too large; a device or a dump named by mistake is not read completely. */
async function readSome(name: string): Promise<Uint8Array> {
  const { size, isFile } = await stat(name).then((info) => ({ size: info.size, isFile: info.isFile() }));
  if (!isFile) throw new SourceMissing(`${name}: is not a file`);
  return size > MAX_FILE_BYTES ? new Uint8Array(MAX_FILE_BYTES + 1) : readFile(name);
}

export function hashOf(files: readonly SourceFile[]): string {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(`${Buffer.byteLength(file.name)} ${file.name} ${file.bytes.length} `).update(file.bytes);
  return hash.digest('hex');
}
