import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface SignedToken {
  readonly token: string;
  /** The stored value, from which the token cannot be reconstructed. */
  readonly hash: Buffer;
}

const RANDOM_BYTES = 15;
const SIGNATURE_BYTES = 9;
/** Both in base64url. */
const TOKEN = /^([A-Za-z0-9_-]{20})([A-Za-z0-9_-]{12})$/;

/** A random token with a signature, so that forged ones are rejected without a database query. */
export function createToken(key: Buffer, purpose: string): SignedToken {
  for (;;) {
    const random = randomBytes(RANDOM_BYTES).toString('base64url');
    const token = random + sign(key, purpose, random).toString('base64url');
    // Terminals exclude trailing punctuation from links.
    if (/[A-Za-z0-9]$/.test(token)) return { token, hash: hashOf(random) };
  }
}

/** The hash of a token that is signed with this key for this purpose; otherwise undefined. */
export function readToken(key: Buffer, purpose: string, token: string): Buffer | undefined {
  const [, random, signature] = TOKEN.exec(token) ?? [];
  if (random === undefined || signature === undefined) return undefined;
  return timingSafeEqual(Buffer.from(signature, 'base64url'), sign(key, purpose, random)) ? hashOf(random) : undefined;
}

function sign(key: Buffer, purpose: string, random: string): Buffer {
  return createHmac('sha256', key).update(`${purpose} ${random}`).digest().subarray(0, SIGNATURE_BYTES);
}

function hashOf(random: string): Buffer {
  return createHash('sha256').update(random).digest();
}
