import { hashSecret } from './credentials.ts';
import type { IntakeTarget } from './intake.ts';
import type { Logger } from '../log.ts';

const READ_AGAIN_MS = 1_000;

interface Entry {
  hashes: readonly Buffer[] | undefined;
  readAtMs: number;
  reading: Promise<readonly Buffer[]> | undefined;
}

export interface TokenCache {
  /** Rejects when the tokens of a source were never readable. */
  hashesOf(source: string, target: IntakeTarget): readonly Buffer[] | Promise<readonly Buffer[]>;
}

/** Keeps the hashes of each source's tokens for a second: a rotated file counts within that time, and no request reads files. */
export function createTokenCache(log: Logger, nowMs: () => number = () => performance.now()): TokenCache {
  const entries = new Map<string, Entry>();

  async function read(entry: Entry, source: string, target: IntakeTarget): Promise<readonly Buffer[]> {
    try {
      const tokens = await target.tokens();
      // An empty secret file must not open the door to an empty token.
      entry.hashes = tokens.filter((token) => token !== '').map(hashSecret);
    } catch (error) {
      log.warn({ error, source }, 'the tokens of a webhook cannot be read');
      // A file that is being replaced: the tokens known so far stay good.
      if (entry.hashes === undefined) throw error;
    } finally {
      entry.readAtMs = nowMs();
      entry.reading = undefined;
    }
    return entry.hashes;
  }

  return {
    hashesOf(source, target) {
      let entry = entries.get(source);
      if (!entry) entries.set(source, (entry = { hashes: undefined, readAtMs: -Infinity, reading: undefined }));
      if (entry.hashes !== undefined && nowMs() - entry.readAtMs < READ_AGAIN_MS) return entry.hashes;
      return (entry.reading ??= read(entry, source, target));
    },
  };
}
