import { createHash } from 'node:crypto';
import type { FileRef, Message } from '../chat/message.ts';
import type { Capabilities, FileContent } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/** What a skill gives to be kept. */
export type NewFile = Omit<FileRef, 'hash' | 'size'> & { readonly bytes: Uint8Array };

/** Keeps a file in the handler's transaction. @throws {TypeError} for what is no file, or is larger than 8 MiB. */
export async function keepFile(query: Query, { bytes, ...described }: NewFile): Promise<FileRef> {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('the bytes of a file are a Uint8Array');
  if (bytes.length > MAX_BYTES) throw new TypeError(`a file has at most 8 MiB, not ${bytes.length} bytes`);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await query(
    'insert into files (hash, bytes) values ($1, $2) on conflict (hash) do update set made_at = clock_timestamp()',
    [hash, Buffer.from(bytes)],
  );
  return { ...described, hash, size: bytes.length };
}

/** Undefined: it is no longer kept. */
export async function readFile(query: Query, file: FileRef): Promise<FileContent | undefined> {
  const [row] = await query<{ bytes: Buffer }>('select bytes from files where hash = $1', [file.hash]);
  return row && { ...file, bytes: row.bytes };
}

/** The message as a platform can show it: a file that it does not take is named in words. Pure. */
export function withFilesOf({ files }: Pick<Capabilities, 'files'>, message: Message): Message {
  if (!message.files || message.files.length === 0) return message;
  const isTaken = ({ size }: FileRef): boolean => files !== false && size <= files.maxBytes;
  const named = message.files
    .filter((file) => !isTaken(file))
    .map((file) => ({ label: 'File', value: wordsFor(file) }));
  return { ...message, files: message.files.filter(isTaken), fields: [...(message.fields ?? []), ...named] };
}

function wordsFor({ name, alt, size }: FileRef): string {
  return `${name}${alt === undefined ? '' : ` (${alt})`}, ${Math.ceil(size / 1024)} kB, cannot be shown here`;
}
