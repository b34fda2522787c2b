import type { JsonMap } from './json.ts';

/** A file, from its upload ticket to its shares. */
export interface UploadedFile {
  readonly id: string;
  readonly name: string;
  /** As announced; the upload must have the same. */
  readonly length: number;
  readonly altText: string;
  readonly user: string;
  readonly at: number;
  title: string;
  bytes: Buffer | undefined;
  isComplete: boolean;
  /** Where it is shared, by channel. */
  readonly shares: Map<
    string,
    { readonly ts: string; readonly threadTs: string | undefined; readonly isPrivate: boolean }[]
  >;
}

/** As `files.info` returns it. */
export function describeFile(file: UploadedFile): JsonMap {
  const { id, name, title, bytes, user, at } = file;
  const shares: Record<'public' | 'private', JsonMap> = { public: {}, private: {} };
  for (const [channel, all] of file.shares)
    for (const { ts, threadTs, isPrivate } of all)
      ((shares[isPrivate ? 'private' : 'public'][channel] ??= []) as JsonMap[]).push({
        ts,
        ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
      });
  const kinds = Object.entries(shares).filter(([, channels]) => Object.keys(channels).length > 0);
  return {
    id,
    name,
    title,
    user,
    created: Math.floor(at / 1000),
    timestamp: Math.floor(at / 1000),
    mimetype: name.endsWith('.png') ? 'image/png' : 'text/plain',
    filetype: name.split('.').at(-1) ?? '',
    size: bytes?.length ?? 0,
    mode: 'hosted',
    is_public: Object.keys(shares.public).length > 0,
    alt_txt: file.altText,
    channels: Object.keys(shares.public),
    groups: Object.keys(shares.private),
    shares: Object.fromEntries(kinds),
  };
}
