import { StartFailed } from '../errors.ts';
import { rememberSecret } from '../mask.ts';

/** A bucket, and all that is needed to ask for it. */
export interface BucketAddress {
  /** As people wrote it. */
  readonly address: string;
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
}

/** What an error says of keys. */
export const KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/**
 * `s3://BUCKET/PREFIX`; endpoint, region and keys come from the environment, under the names that other programs use.
 * @throws {StartFailed} which names what is wrong and never its value: there may be a key in it.
 */
export function readBucketAddress(address: string, env: NodeJS.ProcessEnv): BucketAddress {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/?(.*?)\/*$/.exec(address) ?? [];
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || path.split('/').some((part) => /^\.{1,2}$/.test(part)))
    throw new StartFailed('this address names no bucket: write s3://BUCKET/PREFIX, without keys');
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

/** An empty one is refused: other programs go to Amazon then, which is not where somebody who wrote it wants to be. */
function endpointOf(env: NodeJS.ProcessEnv): string | undefined {
  const name = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((one) => env[one] !== undefined);
  if (name === undefined) return undefined;
  const url = URL.parse(env[name] ?? '');
  if (url && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}${url.hash}` === '')
    return url.href.replace(/\/+$/, '');
  throw new StartFailed(
    `${name} is no address: write https://HOST, without user and password, or leave it out for Amazon's own`,
  );
}

function keyOf(env: NodeJS.ProcessEnv, name: string): string {
  const key = env[name] ?? '';
  // It would be an invalid header, and the error quotes those.
  if (/[^\x21-\x7e]/.test(key)) throw new StartFailed(`${name} has a blank or a line end in it: write the key alone`);
  if (name !== 'AWS_ACCESS_KEY_ID') rememberSecret(key);
  return key;
}
