import { cut } from '../../chat/cut.ts';
import { clean } from '../../chat/markdown.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';

/** The address in the configuration is not a homeserver's; the message says which one to write, where that can be found out. */
export class Misplaced extends Error {
  readonly code = 'WB_MATRIX_MISPLACED';
  constructor(homeserver: string, message: string, cause: unknown) {
    super(`${homeserver} is not the address of a homeserver: ${message}`, { cause });
  }
}

/**
 * What to say of a failure: its own words, unless something other than a homeserver answered (a redirect, a page). A
 * server name often has a web site, and the homeserver elsewhere (specification, "Well-known URIs").
 */
export async function orMisplaced(
  error: unknown,
  requests: Requests,
  homeserver: string,
  signal?: AbortSignal,
): Promise<unknown> {
  if (!isMatrixFailure(error) || error.errcode !== undefined || error.status >= 429) return error;
  if (error.redirect !== undefined)
    return new Misplaced(
      homeserver,
      `it redirects to ${error.redirect}; write \`homeserver: ${baseOf(error.redirect)}\``,
      error,
    );
  const named = await requests.request('GET', '/.well-known/matrix/client', { signal, timeoutMs: 10_000 }).then(
    (answer) => cut(clean(text(dig(answer, 'm.homeserver', 'base_url')) ?? ''), 200),
    () => undefined,
  );
  if (named === undefined)
    return new Misplaced(
      homeserver,
      `it answers ${error.status} to a request of Matrix, and has no .well-known/matrix/client`,
      error,
    );
  const base = URL.canParse(named) ? baseOf(named) : undefined;
  if (base === undefined)
    return new Misplaced(
      homeserver,
      `its .well-known/matrix/client names none either ("${named}"); write the address that clients use`,
      error,
    );
  return base === homeserver.replace(/\/+$/, '')
    ? new Misplaced(
        homeserver,
        `its .well-known/matrix/client names it, but it answers ${error.status} to a request of Matrix; correct one of them`,
        error,
      )
    : new Misplaced(homeserver, `its .well-known/matrix/client names ${base}; write \`homeserver: ${base}\``, error);
}

/** Where the paths of Matrix begin. */
function baseOf(url: string): string {
  return url.replace(/\/_matrix\/.*$/, '').replace(/\/+$/, '');
}
