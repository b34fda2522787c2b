import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const KEY_ID = 'AKIATEST';
export const KEY = 'a-secret-key/for+tests';
const BUCKET = 'bells';
/** Few, so that tests get more than one page. */
const PAGE = 2;

export type Asking = 'PUT' | 'HEAD' | 'GET' | 'LIST' | 'DELETE';

export interface FakeS3 {
  readonly endpoint: string;
  /** Stored objects, by bucket and key. There is one bucket, bells. */
  readonly objects: Map<string, Buffer>;
  /** Requests, in order. */
  readonly asked: Asking[];
  /** Operations that the key is not allowed. */
  readonly denied: Set<Asking>;
  /** Answers this many requests with 503 first. */
  busy: number;
  /** Loses a byte of each upload. */
  damaging: boolean;
  /** Cuts the connection of this many requests first, without a response. */
  dropping: number;
  /** Cuts this many responses off in the middle. */
  cutting: number;
  /** Confirms uploads without storing them. */
  forgetting: boolean;
  /** Is not a store: returns the same page for every request. */
  isPage: boolean;
  /** The bucket's actual region, if requests use another one: answered like Amazon. */
  region: string | undefined;
  /** Accepts connections, but does not respond. */
  silent: boolean;
  stop(): Promise<void>;
}

const sha256 = (of: Buffer | string): string => createHash('sha256').update(of).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
const problem = (code: string, message: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;

/** Signature version 4 in the header, as AWS documents it ("Signature calculations for the authorization header"). */
function isSigned(request: IncomingMessage, url: URL): boolean {
  const { authorization = '' } = request.headers;
  const [, id, date = '', region = '', headers = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).toSorted();
  const canonical = [
    ...[request.method, url.pathname, query.join('&')],
    ...headers.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    ...['', headers, String(request.headers['x-amz-content-sha256'])],
  ].join('\n');
  const scope = `${date}/${region}/s3/aws4_request`;
  const words = ['AWS4-HMAC-SHA256', String(request.headers['x-amz-date']), scope, sha256(canonical)].join('\n');
  const key = [region, 's3', 'aws4_request'].reduce((one, part) => hmac(one, part), hmac(`AWS4${KEY}`, date));
  return id === KEY_ID && hmac(key, words).toString('hex') === signature;
}

function askingOf({ method = '' }: IncomingMessage, url: URL): Asking {
  return url.searchParams.has('list-type') ? 'LIST' : (method as Asking);
}

/** A bucket store with path-style addresses: PUT, HEAD, GET, DELETE and ListObjectsV2; rejects requests that are unsigned or damaged. */
export async function startFakeS3(): Promise<FakeS3> {
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).subarray(fake.damaging ? 1 : 0);
      fake.asked.push(askingOf(request, new URL(request.url ?? '', 'http://s3')));
      if (fake.silent) return;
      if (fake.dropping-- > 0) {
        request.socket.destroy();
        return;
      }
      const { status, answer } = answerTo(request, body);
      response.writeHead(status, {
        'content-length': Buffer.byteLength(answer),
        ...(fake.region !== undefined && { 'x-amz-bucket-region': fake.region }),
      });
      if (answer.length > 0 && request.method === 'GET' && fake.cutting-- > 0)
        response.write(answer.slice(0, answer.length / 2), () => request.socket.destroy());
      else response.end(answer);
    });
  });

  function answerTo(request: IncomingMessage, body: Buffer): { status: number; answer: string | Buffer } {
    const url = new URL(request.url ?? '', 'http://s3');
    const key = decodeURIComponent(url.pathname.slice(1));
    const asking = askingOf(request, url);
    if (fake.busy-- > 0) return { status: 503, answer: problem('SlowDown', 'Please reduce your request rate.') };
    if (fake.isPage) return { status: 200, answer: '<html><body>Welcome!</body></html>' };
    if (!isSigned(request, url))
      return { status: 403, answer: problem('SignatureDoesNotMatch', 'The signature &amp; the key do not match.') };
    if (fake.region !== undefined)
      return { status: 301, answer: problem('PermanentRedirect', 'Please send all future requests to this endpoint.') };
    if (fake.denied.has(asking)) return { status: 403, answer: problem('AccessDenied', 'Access Denied.') };
    if (key.split('/')[0] !== BUCKET)
      return { status: 404, answer: problem('NoSuchBucket', 'The specified bucket does not exist.') };
    const hash = request.headers['x-amz-content-sha256'];
    if (hash !== 'UNSIGNED-PAYLOAD' && hash !== sha256(body))
      return { status: 400, answer: problem('XAmzContentSHA256Mismatch', 'The body is not what was sent.') };
    if (asking === 'LIST') return { status: 200, answer: list(key, url.searchParams) };
    if (asking === 'PUT' && !fake.forgetting) objects.set(key, body);
    if (asking === 'DELETE') objects.delete(key);
    if (asking === 'PUT' || asking === 'DELETE') return { status: 200, answer: '' };
    const found = objects.get(key);
    return found
      ? { status: 200, answer: found }
      : { status: 404, answer: problem('NoSuchKey', 'The specified key does not exist.') };
  }

  function list(bucket: string, query: URLSearchParams): string {
    const prefix = `${bucket.replace(/\/$/, '')}/${query.get('prefix') ?? ''}`;
    const from = Number(query.get('continuation-token') ?? 0);
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    const next = from + PAGE < keys.length ? `<NextContinuationToken>${from + PAGE}</NextContinuationToken>` : '';
    const found = keys
      .slice(from, from + PAGE)
      .map((key) => `<Contents><Key>${key.slice(key.indexOf('/') + 1)}</Key></Contents>`);
    return `<?xml version="1.0"?><ListBucketResult>${found.join('')}${next}</ListBucketResult>`;
  }

  const fake: FakeS3 = {
    endpoint: '',
    objects,
    asked: [],
    denied: new Set(),
    busy: 0,
    damaging: false,
    dropping: 0,
    cutting: 0,
    forgetting: false,
    isPage: false,
    region: undefined,
    silent: false,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fake, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
