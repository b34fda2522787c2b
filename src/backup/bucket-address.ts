import { StartFailed } from '../errors.ts';
import { rememberSecret } from '../mask.ts';

/** A bucket, and everything needed to access it. */
export interface BucketAddress {
  /** As people wrote it. */
  readonly address: string;
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly region: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
}

/** Names of the keys in errors. */
export const KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/**
 * `s3://BUCKET/PREFIX`; endpoint, region and keys come from the usual AWS environment variables.
 * @throws {StartFailed} that names the problem but never the value, which may contain a key.
 */
export function readBucketAddress(address: string, env: NodeJS.ProcessEnv): BucketAddress {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/?(.*?)\/*$/.exec(address) ?? [];
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || path.split('/').some((part) => /^\.{1,2}$/.test(part)))
    throw new StartFailed('this address has no bucket: write s3://BUCKET/PREFIX, without keys');
  const accessKeyId = keyOf(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = keyOf(env, 'AWS_SECRET_ACCESS_KEY');
  const sessionToken = keyOf(env, 'AWS_SESSION_TOKEN');
  if (accessKeyId === '' || secretAccessKey === '')
    throw new StartFailed(`${address} needs ${KEYS} in the environment`);
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1';
  return {
    address,
    bucket,
    prefix: path === '' ? '' : `${path}/`,
    endpoint: endpointOf(env) ?? `https://s3.${region}.amazonaws.com`,
    region,
    keys: { accessKeyId, secretAccessKey, ...(sessionToken !== '' && { sessionToken }) },
  };
}

/** An empty one is rejected: other programs would use Amazon then, which is not what was meant. */
function endpointOf(env: NodeJS.ProcessEnv): string | undefined {
  const name = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((one) => env[one] !== undefined);
  if (name === undefined) return undefined;
  const url = URL.parse(env[name] ?? '');
  if (url && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}${url.hash}` === '')
    return url.href.replace(/\/+$/, '');
  throw new StartFailed(
    `${name} is not an address: write https://HOST, without user and password, or leave it out for Amazon's own`,
  );
}

function keyOf(env: NodeJS.ProcessEnv, name: string): string {
  const key = env[name] ?? '';
  // It would be an invalid header, which the error would quote.
  if (/[^\x21-\x7e]/.test(key)) throw new StartFailed(`${name} contains a space or a line break: write the key alone`);
  if (name !== 'AWS_ACCESS_KEY_ID') rememberSecret(key);
  return key;
}
