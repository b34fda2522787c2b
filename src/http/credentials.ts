import { hash, timingSafeEqual } from 'node:crypto';

/** The secret in an `Authorization` header: a Bearer token or the password of Basic; undefined when there is none. */
export function secretOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const space = authorization.indexOf(' ');
  const scheme = authorization.slice(0, space).toLowerCase();
  const value = authorization.slice(space + 1).trim();
  if (scheme === 'bearer') return value || undefined;
  if (scheme !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.slice(colon + 1) || undefined;
}

export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** True when `given` is one of `hashes`; takes the same time whichever it is, and whether or not it is. */
export function isOneOf(hashes: readonly Buffer[], given: Buffer): boolean {
  let isKnown = false;
  for (const known of hashes) isKnown = timingSafeEqual(known, given) || isKnown;
  return isKnown;
}
