import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { StartFailed } from '../errors.ts';
import { backupsIn, onDisk, type BackupPlace } from './backup-place.ts';
import { readBucketAddress } from './bucket-address.ts';
import type { BucketResponse } from './bucket-request.ts';
import { bucketStore, tag, unescape } from './bucket-store.ts';
import { withTemporaryFile } from './temporary-file.ts';

/** Maximum size of one upload: a `Blob` of a file counts bytes in 32 bits; S3 itself would accept 5 GiB. */
const MAX_BYTES = 4 * 1024 ** 3 - 1;

/**
 * Backups in an S3 bucket, or in any compatible store. Each is one object. `through`: a directory for temporary
 * files; `firstWaitMs`: delay before the first retry.
 */
export function bucket(address: string, through: string, env: NodeJS.ProcessEnv, firstWaitMs?: number): BackupPlace {
  const to = readBucketAddress(address, env);
  const store = bucketStore(to, firstWaitMs);
  const { prefix } = to;
  const text = (answer: BucketResponse): Promise<string> => answer.text();

  async function send(key: string, path: string): Promise<void> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const body = await openAsBlob(path);
    // The store rejects a damaged upload.
    await store.ask('PUT', key, text, { body, sha256: hash.digest('hex') });
    // The server may not be an object store at all.
    const stored = await store.ask(
      'HEAD',
      key,
      async ({ ok, status, headers, body: nothing }) => (nothing.resume(), { ok, status, headers }),
      {
        expects: [403, 404],
      },
    );
    if (stored.status === 403)
      throw new StartFailed(`${address}: the backup was uploaded, but the key cannot read it: allow s3:GetObject`);
    if (!stored.ok || stored.headers.get('content-length') !== String(body.size))
      throw new StartFailed(`${address}: the backup is missing after the upload; check AWS_ENDPOINT_URL`);
  }

  return {
    addressOf: (file) => `s3://${to.bucket}/${prefix}${file}`,

    async list() {
      const keys: string[] = [];
      for (let more: string | undefined = ''; more !== undefined;) {
        const query = { 'list-type': '2', prefix, ...(more !== '' && { 'continuation-token': more }) };
        const response = await store.ask('GET', '', text, { query });
        if (!response.includes('<ListBucketResult'))
          throw new StartFailed(`${to.endpoint} answers, but is not S3: check AWS_ENDPOINT_URL`);
        keys.push(...[...response.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => unescape(key)));
        more = tag(response, 'NextContinuationToken');
      }
      return backupsIn(keys.map((key) => key.slice(prefix.length)));
    },

    write: (file, work) =>
      withTemporaryFile(through, file, async (path) => {
        const done = await onDisk(through, () => work(path));
        const { size } = await stat(path);
        if (size > MAX_BYTES)
          throw new StartFailed(
            `the backup has ${(size / 1024 ** 3).toFixed(1)} GB, but an object is limited to 4 GB: write it to a directory, or keep less (keep.history)`,
          );
        await send(prefix + file, path);
        return done;
      }),

    read: (file, work) =>
      withTemporaryFile(through, file, async (path) => {
        const keep = ({ body }: BucketResponse): Promise<void> =>
          pipeline(body, createWriteStream(path, { mode: 0o600 }));
        await onDisk(through, () => store.ask('GET', prefix + file, keep));
        return work(path);
      }),

    async remove(file) {
      await store.ask('DELETE', prefix + file, text);
    },

    // An interrupted upload never becomes an object.
    tidy: async () => {},
  };
}
