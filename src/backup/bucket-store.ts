import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { codeOf, messageOf, StartFailed } from '../errors.ts';
import { KEYS, type BucketAddress } from './bucket-address.ts';
import { sendSigned, type BucketResponse } from './bucket-request.ts';

const TRIES = 5;
/** Delay before the first retry; doubled each time, 3 s in total. */
const FIRST_WAIT_MS = 200;

export interface SignedRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly sha256?: string;
  /** Further statuses that are not failures. */
  readonly expects?: readonly number[];
}

/** A store with the S3 protocol. */
export interface BucketStore {
  /**
   * Sends a request for a key of the bucket, or with `''` for the bucket itself, and resolves to the result of `take`. All requests
   * are safe to repeat: they are retried if the store is busy or unreachable, or the connection breaks, also during `take`.
   * @throws {StartFailed} one sentence without secrets.
   */
  ask<T>(method: string, key: string, take: (answer: BucketResponse) => Promise<T>, asked?: SignedRequest): Promise<T>;
}

export function bucketStore(to: BucketAddress, firstWaitMs = FIRST_WAIT_MS): BucketStore {
  const { address, bucket, endpoint, region, keys } = to;
  const client = new AwsClient({ ...keys, region, service: 's3', retries: 0 });

  function urlOf(key: string, query: Readonly<Record<string, string>>): URL {
    const path = key === '' ? [bucket] : [bucket, ...key.split('/').map(encodeURIComponent)];
    const url = new URL(`${endpoint}/${path.join('/')}`);
    for (const [word, value] of Object.entries(query)) url.searchParams.set(word, value);
    return url;
  }

  async function once<T>(
    method: string,
    key: string,
    take: (answer: BucketResponse) => Promise<T>,
    { query = {}, body, sha256, expects = [] }: SignedRequest,
  ): Promise<{ readonly result: T } | { readonly busy: StartFailed }> {
    try {
      const signed = await client.sign(urlOf(key, query), {
        method,
        ...(sha256 !== undefined && { headers: { 'x-amz-content-sha256': sha256 } }),
      });
      const answer = await sendSigned(signed, body);
      const { ok, status } = answer;
      if (ok || expects.includes(status)) return { result: await take(answer) };
      const response = await answer.text();
      const rejected = `${address}: ${reasonIn(response, status)}`;
      const bucketRegion = answer.headers.get('x-amz-bucket-region') ?? tag(response, 'Region') ?? region;
      // PermanentRedirect, AuthorizationHeaderMalformed.
      if (bucketRegion !== region && (status === 301 || status === 400))
        throw new StartFailed(`${rejected}; the bucket is in ${bucketRegion}: set AWS_REGION to that`);
      if (status >= 500 || status === 429) return { busy: new StartFailed(`${rejected}; try again later`) };
      const more = status === 403 ? ', and their permissions' : '';
      throw new StartFailed(`${rejected}; check the address and ${KEYS}${more}`);
    } catch (error) {
      if (!isNetworkError(error)) throw error;
      const reason = messageOf(causeOf(error) ?? error);
      const message = `${endpoint} cannot be reached (${reason}): check AWS_ENDPOINT_URL, and whether it is reachable from here`;
      return { busy: new StartFailed(message, { cause: error }) };
    }
  }

  return {
    async ask(method, key, take, asked = {}) {
      for (let tries = 1; ; tries++) {
        const outcome = await once(method, key, take, asked);
        if ('result' in outcome) return outcome.result;
        if (tries === TRIES) throw outcome.busy;
        await sleep(firstWaitMs * 2 ** (tries - 1));
      }
    },
  };
}

/** Error codes of a truncated body. */
const TRUNCATED: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'];

/** A request wraps connection errors in a `cause`; the body of its response does not. */
function isNetworkError(error: unknown): boolean {
  if (codeOf(error)?.startsWith('WB_')) return false;
  return causeOf(error) !== undefined || TRUNCATED.includes(codeOf(error));
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}

function reasonIn(response: string, status: number): string {
  const reason = (tag(response, 'Message') ?? 'no reason given').replace(/\.$/, '');
  return `${tag(response, 'Code') ?? status}: ${reason}`;
}

/** The text of the first element with this name. */
export function tag(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined || found === '' ? undefined : unescape(found);
}

export function unescape(text: string): string {
  const of: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, word: string) => of[word] ?? '');
}
