import { createHash } from 'node:crypto';
import type { FileRef, Message } from '../chat/message.ts';
import type { Capabilities, FileContent } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/** A file that a skill stores. */
export type NewFile = Omit<FileRef, 'hash' | 'size'> & { readonly bytes: Uint8Array };

/** Stores a file in the handler's transaction. @throws {TypeError} when it is not a file, or is larger than 8 MiB. */
export async function keepFile(query: Query, { bytes, ...described }: NewFile): Promise<FileRef> {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('the bytes of a file must be a Uint8Array');
  if (bytes.length > MAX_BYTES) throw new TypeError(`the file has ${bytes.length} bytes; at most 8 MiB can be stored`);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await query(
    'insert into files (hash, bytes) values ($1, $2) on conflict (hash) do update set made_at = clock_timestamp()',
    [hash, Buffer.from(bytes)],
  );
  return { ...described, hash, size: bytes.length };
}

/** Undefined: it has been deleted. */
export async function readFile(query: Query, file: FileRef): Promise<FileContent | undefined> {
  const [row] = await query<{ bytes: Buffer }>('select bytes from files where hash = $1', [file.hash]);
  return row && { ...file, bytes: row.bytes };
}

/** The message as a platform can show it: a file that it cannot show becomes a line of text. Pure. */
export function withFilesOf({ files }: Pick<Capabilities, 'files'>, message: Message): Message {
  if (!message.files || message.files.length === 0) return message;
  const isTaken = ({ size }: FileRef): boolean => files !== false && size <= files.maxBytes;
  const named = message.files
    .filter((file) => !isTaken(file))
    .map((file) => ({ label: 'File', value: describe(file) }));
  return { ...message, files: message.files.filter(isTaken), fields: [...(message.fields ?? []), ...named] };
}

function describe({ name, alt, size }: FileRef): string {
  return `${name}${alt === undefined ? '' : ` (${alt})`}, ${Math.ceil(size / 1024)} kB, cannot be shown here`;
}
