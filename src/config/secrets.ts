import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { SecretRef } from '../contract/secret.ts';
import { codeOf, messageOf } from '../errors.ts';
import { rememberSecret } from '../mask.ts';
import type { Environment } from './substitute.ts';

/** A secret cannot be read; the message names the file or variable and the remedy, never a value. */
export class SecretMissing extends Error {
  readonly code = 'WB_SECRET_MISSING';
  /** There is no file, or it is empty. False: it exists but cannot be read or used. */
  readonly gone: boolean;
  constructor(message: string, { gone = false, cause }: { gone?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.gone = gone;
  }
}

export interface Secrets {
  /**
   * The current value, one line of text, with one trailing newline cut; a rotated file is picked up within a second.
   * @throws {SecretMissing}
   */
  read(reference: SecretRef): Promise<string>;
  /** The same for secrets with several lines, such as a certificate in PEM. @throws {SecretMissing} */
  readLines(reference: SecretRef): Promise<string>;
}

export interface SecretsOptions {
  /** Directory of relative files. */
  readonly directory: string;
  readonly env: Environment;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

const CACHE_MS = 1000;
const MAX_BYTES = 64 * 1024;

/**
 * Files are read again after a second rather than watched: Kubernetes replaces a mounted Secret by switching a symbolic
 * link, which a watch on the file does not notice.
 */
export function createSecrets({ directory, env, nowMs = () => performance.now() }: SecretsOptions): Secrets {
  const cache = new Map<string, { readonly value: Promise<string>; readonly readAtMs: number }>();

  function readFromFile(file: string): Promise<string> {
    const path = pathOf(directory, file);
    const found = cache.get(path);
    if (found && nowMs() - found.readAtMs < CACHE_MS) return found.value;
    const entry = { value: readFile(path), readAtMs: nowMs() };
    cache.set(path, entry);
    entry.value.catch(() => {
      if (cache.get(path) === entry) cache.delete(path); // retry at once when the file appears
    });
    return entry.value;
  }

  async function readLines(reference: SecretRef): Promise<string> {
    if ('file' in reference) return readFromFile(reference.file);
    const value = env[reference.env];
    if (value === undefined || value === '') {
      throw new SecretMissing(
        `the environment variable ${reference.env} is ${value === '' ? 'empty' : 'not set'}: set it to the secret`,
        { gone: true },
      );
    }
    return cutNewline(value);
  }

  return {
    readLines,
    async read(reference) {
      const value = await readLines(reference);
      rememberSecret(value);
      const at = value.search(NOT_ONE_LINE);
      if (at < 0) return value;
      const place =
        'file' in reference ? `file ${pathOf(directory, reference.file)}` : `environment variable ${reference.env}`;
      // As a header it would be invalid, and the error would quote it.
      throw new SecretMissing(
        `the secret ${place} has ${describe(value[at] ?? '')} (character ${at + 1}): write the secret alone, on one line of UTF-8`,
      );
    },
  };
}

/** Control characters, the line separators of Unicode, and signs of an encoding other than UTF-8. */
// oxlint-disable-next-line no-control-regex -- these are rejected
const NOT_ONE_LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffd]/;

function describe(character: string): string {
  if (/[\r\n\u2028\u2029]/.test(character)) return 'more than one line';
  if (character === '\ufeff') return 'a byte order mark';
  return character === '\ufffd' ? 'a character that is not UTF-8' : 'a control character';
}

function pathOf(directory: string, file: string): string {
  return isAbsolute(file) ? file : join(directory, file);
}

async function readFile(path: string): Promise<string> {
  const text = await readSome(path);
  if (text.length > MAX_BYTES)
    throw new SecretMissing(`the secret file ${path} is larger than 64 KiB: is it the right one?`);
  const value = cutNewline(text);
  // An empty token would match a request without a token.
  if (value === '') throw new SecretMissing(`the secret file ${path} is empty: put the secret into it`, { gone: true });
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
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new SecretMissing(`there is no secret file ${path}: create it, or set WATCHBELL_SECRETS to its directory`, {
        gone: true,
        cause: error,
      });
    if (code === 'EACCES')
      throw new SecretMissing(`the secret file ${path} cannot be read: give this user permission`, { cause: error });
    throw new SecretMissing(`the secret file ${path} cannot be read: ${code ?? messageOf(error)}`, { cause: error });
  }
}

function cutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
