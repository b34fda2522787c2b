import type { Request } from 'express';
import type { Actor } from '../contract/actor.ts';
import { isSameOrigin, senderOf } from '../web/guard.ts';
import { NO_TOKEN, UNREADABLE_TOKEN, WRONG_TOKEN, type Problem } from './problems.ts';
import type { ApiTokens } from './tokens.ts';

export interface IdentifyOptions {
  readonly tokens: ApiTokens;
  /** The actor signed in to the pages with this browser. */
  readonly signedIn: (request: Request) => Promise<Actor | undefined>;
  /** Called for each wrong token. Tokens are long, so guessing is not rate-limited. */
  readonly onWrongToken: (sender: string) => void;
}

const OTHER_SITE: Problem = {
  status: 403,
  sentence: 'this request came from another website: use a token, or the page of the bot',
};

/** Identifies the sender: by a token, or else by the web session. */
export function createIdentify(options: IdentifyOptions): (request: Request) => Promise<Actor | Problem> {
  const { tokens, signedIn, onWrongToken } = options;
  return async (request) => {
    const given = bearerOf(request.headers.authorization);
    if (given === undefined) {
      const actor = await signedIn(request);
      if (!actor) return NO_TOKEN;
      // A browser sends its cookie with requests of other sites too.
      return request.method === 'GET' || request.method === 'HEAD' || isSameOrigin(request) ? actor : OTHER_SITE;
    }
    const found = await tokens.find(given);
    if (found === 'unsure') return UNREADABLE_TOKEN;
    if (found) return found;
    onWrongToken(senderOf(request));
    return WRONG_TOKEN;
  };
}

function bearerOf(authorization: string | undefined): string | undefined {
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return given ?? (authorization === undefined ? undefined : '');
}
