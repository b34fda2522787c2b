import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import { hashSecret } from '../http/credentials.ts';
import { createGuessLimit } from './guess-limit.ts';
import type { SessionStore } from './session-store.ts';
import { createToken, readToken } from './signed-token.ts';

const SESSION_MS = 30 * 24 * 3_600_000;
const SIGN_IN_MS = 24 * 3_600_000;
const CACHE_MS = 1_000;

/** A cookie to set. It outlives the session, to recognise a returning browser. */
export interface SessionCookie {
  readonly name: string;
  readonly value: string;
}

export type LoginOutcome = SessionCookie | 'wrong' | { readonly waitMs: number };

/** The cookies of a request, by name. */
export type Cookies = (name: string) => string | undefined;

/** Every call rejects while the database is unreachable, or the password cannot be read. */
export interface Sessions {
  /** `sender`: the presumed sender of the request. */
  login(password: string, sender: string, cookies: Cookies): Promise<LoginOutcome>;
  /** Uses up a token of `createSignIn`; undefined: it was used, has expired or never existed. */
  redeem(signIn: string): Promise<SessionCookie | undefined>;
  /** The id of the request's session; undefined: not signed in. */
  find(cookies: Cookies): Promise<string | undefined>;
  /** Ends the session of a request on all replicas; returns the name of its cookie. */
  end(cookies: Cookies): Promise<string>;
}

export interface SessionsOptions {
  readonly store: SessionStore;
  /** Reads the current password. Undefined: only a token of `createSignIn` starts a session. */
  readonly password?: (() => Promise<string>) | undefined;
  readonly now: () => Date;
}

/**
 * A session is a row and a signed cookie that identifies it. The signing key is derived from the password, if there is one
 * (by scrypt, so that a leaked cookie is a poor oracle to guess it from), so a new password ends every session.
 */
export function createSessions({ store, password, now }: SessionsOptions): Sessions {
  const limit = createGuessLimit(() => now().getTime());
  const readKeys = createKeyCache({ store, password, now });

  async function begin(): Promise<{ cookie: SessionCookie; hash: Buffer; expiresAt: Date }> {
    const { ofSessions, cookie: name } = await readKeys();
    const { token, hash } = createToken(ofSessions, 'session');
    return { cookie: { name, value: token }, hash, expiresAt: new Date(now().getTime() + SESSION_MS) };
  }

  async function hashOf(cookies: Cookies): Promise<Buffer | undefined> {
    const { ofSessions, cookie } = await readKeys();
    return readToken(ofSessions, 'session', cookies(cookie) ?? '');
  }

  return {
    async login(given, sender, cookies) {
      const guesser = { sender, browser: (await hashOf(cookies))?.toString('hex') };
      const { ofPassword } = await readKeys();
      const waitMs = limit.take(guesser);
      if (waitMs > 0) return { waitMs };
      if (!ofPassword || !timingSafeEqual(ofPassword, hashSecret(given))) return 'wrong';
      limit.refund(guesser);
      const { cookie, hash, expiresAt } = await begin();
      await store.addSession(hash, expiresAt);
      return cookie;
    },

    async redeem(signIn) {
      const found = readToken((await readKeys()).ofSignIns, 'sign-in', signIn);
      if (!found) return undefined;
      const { cookie, hash, expiresAt } = await begin();
      return (await store.redeem(found, now(), hash, expiresAt)) ? cookie : undefined;
    },

    async find(cookies) {
      const hash = await hashOf(cookies);
      return hash && (await store.hasSession(hash, now())) ? hash.toString('hex') : undefined;
    },

    async end(cookies) {
      const hash = await hashOf(cookies);
      if (hash) await store.endSession(hash);
      return (await readKeys()).cookie;
    },
  };
}

/** Creates a token that signs in one browser, once, within a day. */
export async function createSignIn(store: SessionStore, now: Date): Promise<string> {
  const { token, hash } = createToken(await store.key(), 'sign-in');
  await store.addSignIn(hash, new Date(now.getTime() + SIGN_IN_MS));
  return token;
}

interface Keys {
  readonly stored: Buffer;
  readonly password: string | undefined;
  readonly ofSignIns: Buffer;
  readonly ofSessions: Buffer;
  /** Undefined: there is no password. */
  readonly ofPassword: Buffer | undefined;
  /** Name of the cookie. Browsers share cookies between all ports of a host, so each bot has its own name. */
  readonly cookie: string;
}

/** @throws when the password is empty, because then anyone could sign in. */
function createKeyCache({ store, password, now }: SessionsOptions): () => Promise<Keys> {
  let current: Keys | undefined;
  let readAtMs = -Infinity;
  return async () => {
    const nowMs = now().getTime();
    if (current && nowMs >= readAtMs && nowMs - readAtMs < CACHE_MS) return current;
    const [stored, value] = await Promise.all([store.key(), password?.()]);
    if (value === '') throw new Error('the password of the web page is empty: put one into its secret');
    if (!current || !current.stored.equals(stored) || current.password !== value)
      current = await deriveKeys(stored, value);
    readAtMs = nowMs;
    return current;
  };
}

async function deriveKeys(stored: Buffer, password: string | undefined): Promise<Keys> {
  return {
    stored,
    password,
    ofSignIns: stored,
    ofSessions: await slowHash(password ?? '', stored),
    ofPassword: password === undefined ? undefined : hashSecret(password),
    cookie: `watchbell_${createHash('sha256').update('cookie').update(stored).digest('hex').slice(0, 8)}`,
  };
}

function slowHash(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
