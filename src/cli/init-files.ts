import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';

export interface FilesToWrite {
  /** Values by file name. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly secretsDirectory: string;
  readonly configFile: string;
  readonly config: string;
}

export interface WrittenFiles {
  readonly written: readonly string[];
  readonly failed?: { readonly file: string; readonly reason: string };
}

/** The secrets first, so that the configuration never names one that is missing. Stops at the first failure. */
export async function writeFiles(files: FilesToWrite): Promise<WrittenFiles> {
  const { secretsDirectory, configFile } = files;
  const all = [
    ...[...files.secrets].map(([name, value]) => ({
      ...{ file: join(secretsDirectory, name), text: `${value}\n`, mode: 0o600, directoryMode: 0o700 },
    })),
    { file: configFile, text: files.config, mode: 0o644, directoryMode: 0o755 },
  ];
  const written: string[] = [];
  for (const { file, text, mode, directoryMode } of all) {
    try {
      await mkdir(dirname(file), { recursive: true, mode: directoryMode });
      await replaceFile(file, text, mode);
      written.push(file);
    } catch (error) {
      return { written, failed: { file, reason: messageOf(error) } };
    }
  }
  return { written };
}

/** Writes to a temporary file first, so that the file is never incomplete, even after a crash. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { mode, flag: 'wx', flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
