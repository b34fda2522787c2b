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

/** What can be sent in one piece: a `Blob` of a file counts its bytes with 32 bits, and S3 would take a fifth GiB. */
const MAX_BYTES = 4 * 1024 ** 3 - 1;

/**
 * Backups in a bucket of S3, or of anything that speaks its protocol. Each is one object. `through`: a directory in which
 * files lie on their way; `firstWaitMs`: before a second try.
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
    // The other side refuses what does not arrive as it was sent.
    await store.ask('PUT', key, text, { body, sha256: hash.digest('hex') });
    // What answers may be no store at all.
    const stored = await store.ask(
      'HEAD',
      key,
      async ({ ok, status, headers, body: nothing }) => (nothing.resume(), { ok, status, headers }),
      {
        expects: [403, 404],
      },
    );
    if (stored.status === 403)
      throw new StartFailed(
        `${address}: the backup was sent, and the key may not look at it: let it read (s3:GetObject)`,
      );
    if (!stored.ok || stored.headers.get('content-length') !== String(body.size))
      throw new StartFailed(`${address}: the backup is not there after it was sent; look at AWS_ENDPOINT_URL`);
  }

  return {
    addressOf: (file) => `s3://${to.bucket}/${prefix}${file}`,

    async list() {
      const keys: string[] = [];
      for (let more: string | undefined = ''; more !== undefined;) {
        const query = { 'list-type': '2', prefix, ...(more !== '' && { 'continuation-token': more }) };
        const said = await store.ask('GET', '', text, { query });
        if (!said.includes('<ListBucketResult'))
          throw new StartFailed(`${to.endpoint} answers, and not as S3 does: look at AWS_ENDPOINT_URL`);
        keys.push(...[...said.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => unescape(key)));
        more = tag(said, 'NextContinuationToken');
      }
      return backupsIn(keys.map((key) => key.slice(prefix.length)));
    },

    write: (file, work) =>
      withTemporaryFile(through, file, async (path) => {
        const done = await onDisk(through, () => work(path));
        const { size } = await stat(path);
        if (size > MAX_BYTES)
          throw new StartFailed(
            `the backup has ${(size / 1024 ** 3).toFixed(1)} GB, and one object has less than 4 GB: write it to a directory, or keep less (keep.history)`,
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

    // What was cut off never became an object.
    tidy: async () => {},
  };
}
