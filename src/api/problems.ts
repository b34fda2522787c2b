import { isTransientError } from '../db/database.ts';

/** A response of type `application/problem+json`: one sentence with the problem and the remedy. */
export interface Problem {
  readonly status: number;
  readonly sentence: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const RETRY_SOON = { 'Retry-After': '1' };
export const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="watchbell"' };

export const NO_TOKEN: Problem = {
  status: 401,
  sentence:
    'a token is missing: send one of api.tokens as "Authorization: Bearer TOKEN", or sign in on the page of the bot',
  headers: CHALLENGE,
};
export const WRONG_TOKEN: Problem = {
  status: 401,
  sentence: 'the token is wrong: send one that is configured under api.tokens',
  headers: CHALLENGE,
};
export const UNREADABLE_TOKEN: Problem = {
  status: 503,
  sentence: 'a token of api.tokens cannot be read: see the log of the bot',
  headers: RETRY_SOON,
};
export const STARTING: Problem = {
  status: 503,
  sentence: 'the bot is starting: try again in a moment',
  headers: RETRY_SOON,
};

/** The problem if express could not parse a request, else undefined. */
export function malformed(error: unknown): Problem | undefined {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  return { status, sentence: 'the request is malformed: send JSON in UTF-8, at most 64 KiB' };
}

/** The problem if the error is temporary; undefined: an internal error. */
export function transientProblem(error: unknown): Problem | undefined {
  if (!isTransientError(error)) return undefined;
  return {
    status: 503,
    sentence: 'the database is down or overloaded: try again in a moment, or request less',
    headers: RETRY_SOON,
  };
}
