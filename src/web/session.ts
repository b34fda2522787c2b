import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { hashSecret } from '../http/credentials.ts';

const LIFETIME_MS = 30 * 24 * 3_600_000;
const READ_AGAIN_MS = 1_000;
const TRIES_PER_MINUTE = 5;
const MAX_ADDRESSES = 1_000;

export type LoginOutcome = { readonly session: string; readonly maxAgeMs: number } | 'wrong' | 'too many';

export interface Sessions {
  /** `address` is that of the connection: only so many tries a minute each. */
  login(password: string, address: string): Promise<LoginOutcome>;
  isValid(session: string): Promise<boolean>;
}

/**
 * Sessions are signed, not stored: any replica takes them, also after a restart. The signing key comes from the
 * password (by scrypt, so that a leaked session is a poor oracle to guess it from); a new password ends every session.
 */
export function createSessions(password: () => Promise<string>, nowMs: () => number = Date.now): Sessions {
  const readKey = createKeyCache(password, nowMs);
  const tries = createTryCounter(nowMs);

  const sign = async (payload: string): Promise<Buffer> =>
    createHmac('sha256', (await readKey()).key)
      .update(payload)
      .digest();

  return {
    async login(given, address) {
      if (!tries.mayTry(address)) return 'too many';
      const { hash } = await readKey();
      if (!timingSafeEqual(hash, hashSecret(given))) return 'wrong';
      tries.forgive(address);
      const payload = `${nowMs() + LIFETIME_MS}.${randomBytes(9).toString('base64url')}`;
      return { session: `${payload}.${(await sign(payload)).toString('base64url')}`, maxAgeMs: LIFETIME_MS };
    },
    async isValid(session) {
      const [expiresAtMs = '', nonce = '', signature = '', ...rest] = session.split('.');
      if (rest.length > 0 || !/^\d{1,15}$/.test(expiresAtMs) || Number(expiresAtMs) <= nowMs()) return false;
      const expected = await sign(`${expiresAtMs}.${nonce}`);
      const given = Buffer.from(signature, 'base64url');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

interface Key {
  readonly password: string;
  readonly hash: Buffer;
  readonly key: Buffer;
}

/** @throws when the password is empty: nobody may come in by saying nothing. */
function createKeyCache(password: () => Promise<string>, nowMs: () => number): () => Promise<Key> {
  let current: Key | undefined;
  let readAtMs = -Infinity;
  return async () => {
    if (current && nowMs() - readAtMs < READ_AGAIN_MS) return current;
    const value = await password();
    if (value === '') throw new Error('the password of the web page is empty: put one into its secret');
    if (current?.password !== value)
      current = { password: value, hash: hashSecret(value), key: await deriveKey(value) };
    readAtMs = nowMs();
    return current;
  };
}

function deriveKey(password: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, 'watchbell web session', 32, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** Counts a try before it is judged, so that parallel guesses do not slip through. */
function createTryCounter(nowMs: () => number) {
  const counts = new Map<string, { count: number; untilMs: number }>();
  return {
    mayTry(address: string): boolean {
      const entry = counts.get(address);
      if (entry && entry.untilMs > nowMs()) return ++entry.count <= TRIES_PER_MINUTE;
      counts.delete(address);
      if (counts.size >= MAX_ADDRESSES) counts.delete(counts.keys().next().value ?? '');
      counts.set(address, { count: 1, untilMs: nowMs() + 60_000 });
      return true;
    },
    forgive(address: string): void {
      counts.delete(address);
    },
  };
}
