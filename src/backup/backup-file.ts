/**
 * A backup is one gzip file of lines: a manifest, then each table's name and its rows as JSON written by Postgres, then the
 * counts, which prove that nothing is missing at the end. Rows are never parsed here: Postgres gets back exactly what it wrote.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { StartFailed, messageOf } from '../errors.ts';

export interface Manifest {
  readonly watchbell: string;
  /** Version of this file format, not of the database. */
  readonly format: 1;
  readonly takenAt: string;
  /** Number of the newest migration, by `core` and skill. */
  readonly schema: Readonly<Record<string, number>>;
  /** In an order in which rows can be restored. */
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** Last value of each sequence. */
  readonly sequences: Readonly<Record<string, string>>;
}

export type Line =
  | { readonly type: 'manifest'; readonly manifest: Manifest }
  | { readonly type: 'row'; readonly table: string; readonly json: string };

/** The name of a file until it is complete. */
export function draftOf(path: string): string {
  return `${path}.partial`;
}

/** Writes a draft, and renames it when it is complete and synced to disk. Resolves to the number of rows by table. */
export async function writeBackup(path: string, lines: AsyncIterable<Line>): Promise<Record<string, number>> {
  const draft = draftOf(path);
  const counts: Record<string, number> = {};
  async function* text(): AsyncGenerator<string> {
    let table = '';
    for await (const line of lines) {
      if (line.type === 'manifest') {
        for (const { name } of line.manifest.tables) counts[name] = 0;
        yield `${JSON.stringify(line.manifest)}\n`;
        continue;
      }
      if (line.table !== table) yield `table ${(table = line.table)}\n`;
      counts[table] = (counts[table] ?? 0) + 1;
      yield `${line.json}\n`;
    }
    yield `end ${JSON.stringify(counts)}\n`;
  }
  try {
    await pipeline(text, createGzip(), createWriteStream(draft, { mode: 0o600 }));
    const file = await open(draft, 'r+');
    await file.sync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    // On a full disk it would leave no space for the next one either.
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
  return counts;
}

/** Reads a complete backup; `address` is its name in errors. @throws {StartFailed} when it is not a backup, is truncated, or its counts do not match. */
export async function* readBackup(path: string, address = path): AsyncGenerator<Line> {
  const counts: Record<string, number> = {};
  let table: string | undefined;
  let ended: string | undefined;
  let first = true;
  const input = createReadStream(path);
  const unpacked = createGunzip();
  input.on('error', (error) => unpacked.destroy(error));
  try {
    for await (const line of linesOf(input.pipe(unpacked))) {
      if (first) {
        first = false;
        const manifest = JSON.parse(line) as Manifest;
        if (manifest.format !== 1) throw new Error('it was written by a newer watchbell');
        for (const { name } of manifest.tables) counts[name] = 0;
        yield { type: 'manifest', manifest };
      } else if (line.startsWith('table ')) table = line.slice(6);
      else if (line.startsWith('end ')) ended = line.slice(4);
      else if (table === undefined) throw new Error('a row is outside any table');
      else {
        counts[table] = (counts[table] ?? 0) + 1;
        yield { type: 'row', table, json: line };
      }
    }
    if (ended !== JSON.stringify(counts)) throw new Error('it is truncated: rows are missing');
  } catch (error) {
    throw new StartFailed(`${address} is not a complete backup: ${messageOf(error)}; use another one`, {
      cause: error,
    });
  } finally {
    input.destroy();
  }
}

/** Splits at line feeds only: `readline` also splits at U+2028, which occurs in messages. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, at)]).toString('utf8');
      rest = [];
      from = at + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) yield Buffer.concat(rest).toString('utf8');
}
