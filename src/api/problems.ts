import { isTransientError } from '../db/database.ts';

/** An answer of `application/problem+json`: one sentence that says what is wrong and what to do. */
export interface Problem {
  readonly status: number;
  readonly sentence: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const SOON = { 'Retry-After': '1' };
export const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="watchbell"' };

export const NO_TOKEN: Problem = {
  status: 401,
  sentence:
    'a token is missing: send one of api.tokens as "Authorization: Bearer TOKEN", or sign in on the page of the bot',
  headers: CHALLENGE,
};
export const WRONG_TOKEN: Problem = {
  status: 401,
  sentence: 'the token is wrong: send one of those under api.tokens in the configuration',
  headers: CHALLENGE,
};
export const UNREADABLE_TOKEN: Problem = {
  status: 503,
  sentence: 'a token of api.tokens cannot be read: look into the log of the bot',
  headers: SOON,
};
export const STARTING: Problem = {
  status: 503,
  sentence: 'the bot is starting: ask again in a moment',
  headers: SOON,
};

/** What express says of a request that it cannot read; undefined: something else. */
export function unreadable(error: unknown): Problem | undefined {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  return { status, sentence: 'the request cannot be read: send JSON in UTF-8, at most 64 KiB' };
}

/** What may pass by itself; undefined: an error of ours. */
export function passing(error: unknown): Problem | undefined {
  if (!isTransientError(error)) return undefined;
  return {
    status: 503,
    sentence: 'the database is away or too busy for this: ask again in a moment, or for less at once',
    headers: SOON,
  };
}
