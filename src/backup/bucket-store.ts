import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { codeOf, messageOf, StartFailed } from '../errors.ts';
import { KEYS, type BucketAddress } from './bucket-address.ts';
import { sendSigned, type BucketResponse } from './bucket-request.ts';

const TRIES = 5;
/** Before the second try; then twice as long each time, 3 s in all. */
const FIRST_WAIT_MS = 200;

export interface SignedRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly sha256?: string;
  /** Further statuses that are answers, and no failures. */
  readonly expects?: readonly number[];
}

/** What speaks the protocol of S3. */
export interface BucketStore {
  /**
   * Asks for a key of the bucket, or with `''` for the bucket, and resolves to what `take` makes of the answer. All that is
   * asked here may be asked twice: what is busy, unreachable or breaks off, also under `take`, is tried again.
   * @throws {StartFailed} one sentence without a key in it.
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
  ): Promise<{ readonly taken: T } | { readonly busy: StartFailed }> {
    try {
      const signed = await client.sign(urlOf(key, query), {
        method,
        ...(sha256 !== undefined && { headers: { 'x-amz-content-sha256': sha256 } }),
      });
      const answer = await sendSigned(signed, body);
      const { ok, status } = answer;
      if (ok || expects.includes(status)) return { taken: await take(answer) };
      const said = await answer.text();
      const refused = `${address}: ${reasonIn(said, status)}`;
      const elsewhere = answer.headers.get('x-amz-bucket-region') ?? tag(said, 'Region') ?? region;
      // PermanentRedirect, AuthorizationHeaderMalformed.
      if (elsewhere !== region && (status === 301 || status === 400))
        throw new StartFailed(`${refused}; the bucket is in ${elsewhere}: set AWS_REGION to that`);
      if (status >= 500 || status === 429) return { busy: new StartFailed(`${refused}; try again later`) };
      const more = status === 403 ? ', and at what they allow' : '';
      throw new StartFailed(`${refused}; look at the address and at ${KEYS}${more}`);
    } catch (error) {
      if (!isOfNetwork(error)) throw error;
      const reason = messageOf(causeOf(error) ?? error);
      const message = `${endpoint} cannot be reached (${reason}): look at AWS_ENDPOINT_URL, and whether it answers from here`;
      return { busy: new StartFailed(message, { cause: error }) };
    }
  }

  return {
    async ask(method, key, take, asked = {}) {
      for (let tries = 1; ; tries++) {
        const outcome = await once(method, key, take, asked);
        if ('taken' in outcome) return outcome.taken;
        if (tries === TRIES) throw outcome.busy;
        await sleep(firstWaitMs * 2 ** (tries - 1));
      }
    },
  };
}

/** Of what ends a body before its time. */
const CUT_OFF: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'];

/** A request wraps what happened to the connection; the body of its answer does not. */
function isOfNetwork(error: unknown): boolean {
  if (codeOf(error)?.startsWith('WB_')) return false;
  return causeOf(error) !== undefined || CUT_OFF.includes(codeOf(error));
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}

function reasonIn(said: string, status: number): string {
  const reason = (tag(said, 'Message') ?? 'no reason was given').replace(/\.$/, '');
  return `${tag(said, 'Code') ?? status}: ${reason}`;
}

/** What stands in the first element of this name. */
export function tag(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined || found === '' ? undefined : unescape(found);
}

export function unescape(text: string): string {
  const of: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, word: string) => of[word] ?? '');
}
