import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { SecretRef } from '../skill.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Environment } from './substitute.ts';

/** A secret cannot be read; the message names the file or variable and the remedy, never a value. */
export class SecretMissing extends Error {
  readonly code = 'WB_SECRET_MISSING';
}

export interface Secrets {
  /** The current value, with one trailing newline cut; a rotated file is picked up within a second. @throws {SecretMissing} */
  read(reference: SecretRef): Promise<string>;
}

export interface SecretsOptions {
  /** Where relative files lie. */
  readonly directory: string;
  readonly env: Environment;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

const CACHE_MS = 1000;
const MAX_BYTES = 64 * 1024;

/**
 * Files are read again after a second rather than watched: Kubernetes exchanges a mounted Secret by moving a symbolic
 * link, of which a watch on the file hears nothing.
 */
export function createSecrets({ directory, env, nowMs = () => performance.now() }: SecretsOptions): Secrets {
  const cache = new Map<string, { readonly value: Promise<string>; readonly readAtMs: number }>();

  function readFromFile(file: string): Promise<string> {
    const path = isAbsolute(file) ? file : join(directory, file);
    const found = cache.get(path);
    if (found && nowMs() - found.readAtMs < CACHE_MS) return found.value;
    const entry = { value: readFile(path), readAtMs: nowMs() };
    cache.set(path, entry);
    entry.value.catch(() => {
      if (cache.get(path) === entry) cache.delete(path); // as soon as the file is there it should be found
    });
    return entry.value;
  }

  return {
    async read(reference) {
      if ('file' in reference) return readFromFile(reference.file);
      const value = env[reference.env];
      if (value === undefined || value === '') {
        throw new SecretMissing(
          `the environment variable ${reference.env} is ${value === '' ? 'empty' : 'not set'}: set it to the secret`,
        );
      }
      return cutNewline(value);
    },
  };
}

async function readFile(path: string): Promise<string> {
  const text = await readSome(path);
  if (text.length > MAX_BYTES)
    throw new SecretMissing(`the secret file ${path} is larger than 64 KiB: is it the right one?`);
  const value = cutNewline(text);
  // An empty token would be equal to the one of a request without any.
  if (value === '') throw new SecretMissing(`the secret file ${path} is empty: put the secret into it`);
  return value;
}

async function readSome(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(MAX_BYTES + 1), position: 0 });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT')
      throw new SecretMissing(
        `there is no secret file ${path}: create it, or say with WATCHBELL_SECRETS where it lies`,
        { cause: error },
      );
    if (code === 'EACCES')
      throw new SecretMissing(`the secret file ${path} may not be read: give this user the right to`, { cause: error });
    throw new SecretMissing(`the secret file ${path} cannot be read: ${code ?? messageOf(error)}`, { cause: error });
  }
}

function cutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
