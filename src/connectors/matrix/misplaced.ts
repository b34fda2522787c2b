import { cut } from '../../chat/cut.ts';
import { clean } from '../../chat/markdown.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';

/** The configured address is not a homeserver's. The message has the right one, if it can be found out. */
export class NotAHomeserver extends Error {
  readonly code = 'WB_MATRIX_MISPLACED';
  constructor(homeserver: string, message: string, cause: unknown) {
    super(`${homeserver} is not the address of a homeserver: ${message}`, { cause });
  }
}

/**
 * Explains a failure if something other than a homeserver answered (a redirect, a web page); otherwise returns it unchanged. A server
 * name often hosts a web site, with the homeserver elsewhere (specification, "Well-known URIs").
 */
export async function explainFailure(
  error: unknown,
  requests: Requests,
  homeserver: string,
  signal?: AbortSignal,
): Promise<unknown> {
  if (!isMatrixFailure(error) || error.errcode !== undefined || error.status >= 429) return error;
  if (error.redirect !== undefined)
    return new NotAHomeserver(
      homeserver,
      `it redirects to ${error.redirect}; set \`homeserver: ${baseOf(error.redirect)}\``,
      error,
    );
  const named = await requests.request('GET', '/.well-known/matrix/client', { signal, timeoutMs: 10_000 }).then(
    (answer) => cut(clean(text(dig(answer, 'm.homeserver', 'base_url')) ?? ''), 200),
    () => undefined,
  );
  if (named === undefined)
    return new NotAHomeserver(
      homeserver,
      `it answers ${error.status} to a Matrix request, and has no .well-known/matrix/client`,
      error,
    );
  const base = URL.canParse(named) ? baseOf(named) : undefined;
  if (base === undefined)
    return new NotAHomeserver(
      homeserver,
      `its .well-known/matrix/client has no valid address ("${named}"); set the address that clients use`,
      error,
    );
  return base === homeserver.replace(/\/+$/, '')
    ? new NotAHomeserver(
        homeserver,
        `its .well-known/matrix/client names it, but it answers ${error.status} to a Matrix request; fix one of them`,
        error,
      )
    : new NotAHomeserver(homeserver, `its .well-known/matrix/client names ${base}; set \`homeserver: ${base}\``, error);
}

/** The base of the Matrix paths. */
function baseOf(url: string): string {
  return url.replace(/\/_matrix\/.*$/, '').replace(/\/+$/, '');
}
