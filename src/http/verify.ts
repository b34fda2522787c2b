import { createHmac } from 'node:crypto';
import { isOneOf } from './credentials.ts';
import type { RejectionReason, SignatureOptions } from './intake.ts';
import type { Headers } from './problem.ts';
import type { SourceTokens } from './token-cache.ts';

/** Why a request is rejected. */
export interface Denied {
  readonly status: 401 | 503;
  readonly reason: RejectionReason;
  readonly sentence: string;
  readonly headers: Headers;
  /** It is signed with a secret that was valid earlier since this program started. */
  readonly isFormer?: boolean;
}

const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="watchbell", Basic realm="watchbell"' };
const SIGNATURE_BYTES = 32;

/** `given`: hash of the token in the request. Undefined: the request is allowed. */
export function denyToken(source: string, given: Buffer | undefined, known: SourceTokens): Denied | undefined {
  if (given === undefined) {
    const sentence = 'a token is missing: send it as "Authorization: Bearer TOKEN" or as the password of Basic';
    return { status: 401, reason: 'no token', sentence, headers: CHALLENGE };
  }
  if (isOneOf(known.accepted, given)) return undefined;
  if (known.isUnsure && !isOneOf(known.former, given)) return unreadable(`a token of source ${source}`);
  const sentence = `the token is wrong: send one that is configured for source ${source}`;
  return { status: 401, reason: 'wrong token', sentence, headers: CHALLENGE };
}

/** The check that is possible before the body was received. */
export function denyUnsigned({ header }: SignatureOptions, given: unknown): Denied | undefined {
  if (typeof given === 'string' && given !== '') return undefined;
  const sentence = `a signature is missing: send the HMAC-SHA256 of the body in the header ${header}`;
  return { status: 401, reason: 'no token', sentence, headers: {} };
}

/** `given`: the header with the signature of `body`. Undefined: the request is allowed. */
export function denySignature(
  source: string,
  { prefix }: SignatureOptions,
  given: string,
  body: Buffer,
  { accepted, former, isUnsure }: SourceTokens,
): Denied | undefined {
  const signature = given.startsWith(prefix) ? Buffer.from(given.slice(prefix.length), 'hex') : Buffer.alloc(0);
  const isOf = (keys: readonly Buffer[]): boolean =>
    signature.length === SIGNATURE_BYTES &&
    isOneOf(
      keys.map((key) => sign(key, body)),
      signature,
    );
  if (isOf(accepted)) return undefined;
  const isFormer = isOf(former);
  if (isUnsure && !isFormer) return unreadable(`a secret of source ${source}`);
  const sentence = `the signature is wrong: sign the body with a secret that is configured for source ${source}`;
  return { status: 401, reason: 'wrong token', sentence, headers: {}, isFormer };
}

function sign(key: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', key).update(body).digest();
}

function unreadable(what: string): Denied {
  const sentence = `${what} cannot be read: see the log of the bot`;
  return { status: 503, reason: 'token unreadable', sentence, headers: { 'Retry-After': '1' } };
}
