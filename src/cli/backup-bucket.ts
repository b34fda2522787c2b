import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { AwsClient } from 'aws4fetch';
import { messageOf, StartFailed } from '../errors.ts';
import { backupsIn, onDisk, type BackupPlace } from './backup-place.ts';
import { withStopover } from './stopover.ts';

const RETRIES = 4;
const KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

interface Asked {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly sha256?: string;
}

/**
 * Backups in a bucket of S3, or of anything that speaks its protocol: `s3://BUCKET/PREFIX`. Endpoint, region and keys come
 * from the environment, under the names that other programs use. Each backup is one object of at most 5 GB.
 */
export function bucket(address: string, through: string, env: NodeJS.ProcessEnv): BackupPlace {
  const [, name = '', path = ''] = /^s3:\/\/([^/]*)\/?(.*?)\/*$/.exec(address) ?? [];
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
    throw new StartFailed(`"${address}" names no bucket: write s3://BUCKET/PREFIX`);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  if (!accessKeyId || !secretAccessKey) throw new StartFailed(`${address} needs ${KEYS} in the environment`);
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const endpoint = (
    env['AWS_ENDPOINT_URL_S3'] ??
    env['AWS_ENDPOINT_URL'] ??
    `https://s3.${region}.amazonaws.com`
  ).replace(/\/+$/, '');
  const prefix = path === '' ? '' : `${path}/`;
  const client = new AwsClient({
    ...{ accessKeyId, secretAccessKey, region, service: 's3', retries: RETRIES },
    ...(token !== undefined && { sessionToken: token }),
  });

  async function ask(method: string, key: string, { query = {}, body, sha256 }: Asked = {}): Promise<Response> {
    const url = new URL(
      `${endpoint}/${name}${key === '' ? '' : `/${key.split('/').map(encodeURIComponent).join('/')}`}`,
    );
    for (const [word, value] of Object.entries(query)) url.searchParams.set(word, value);
    let response: Response;
    try {
      response = await client.fetch(url, {
        method,
        ...(body && { body }),
        ...(sha256 !== undefined && { headers: { 'x-amz-content-sha256': sha256 } }),
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      throw new StartFailed(`${endpoint} cannot be reached (${cause}): look at AWS_ENDPOINT_URL`, { cause: error });
    }
    if (response.ok) return response;
    const said = await response.text();
    const code = tag(said, 'Code') ?? String(response.status);
    const reason = (tag(said, 'Message') ?? 'no reason was given').replace(/\.$/, '');
    throw new StartFailed(`${address}: ${code}: ${reason}; look at the address and at ${KEYS}`);
  }

  function nearby<T>(file: string, work: (path: string) => Promise<T>): Promise<T> {
    return onDisk(through, () => withStopover(through, file, work));
  }

  return {
    addressOf: (file) => `s3://${name}/${prefix}${file}`,

    async list() {
      const keys: string[] = [];
      for (let more: string | undefined = ''; more !== undefined;) {
        const query = { 'list-type': '2', prefix, ...(more !== '' && { 'continuation-token': more }) };
        const said = await (await ask('GET', '', { query })).text();
        keys.push(...[...said.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => unescape(key)));
        more = tag(said, 'NextContinuationToken');
      }
      return backupsIn(keys.map((key) => key.slice(prefix.length)));
    },

    write: (file, work) =>
      nearby(file, async (path) => {
        const done = await work(path);
        const hash = createHash('sha256');
        await pipeline(createReadStream(path), hash);
        // The other side refuses what does not arrive as it was sent.
        const body = await openAsBlob(path);
        await ask('PUT', prefix + file, { body, sha256: hash.digest('hex') });
        // What answers may be no store at all.
        const { headers } = await ask('HEAD', prefix + file);
        if (headers.get('content-length') !== String(body.size))
          throw new StartFailed(`${address}: the backup is not there after it was sent; look at AWS_ENDPOINT_URL`);
        return done;
      }),

    read: (file, work) =>
      nearby(file, async (path) => {
        const { body } = await ask('GET', prefix + file);
        if (body) await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(path, { mode: 0o600 }));
        return work(path);
      }),

    async remove(file) {
      await ask('DELETE', prefix + file);
    },

    // What was cut off never became an object.
    tidy: async () => {},
  };
}

function tag(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined || found === '' ? undefined : unescape(found);
}

function unescape(text: string): string {
  const of: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, word: string) => of[word] ?? '');
}
