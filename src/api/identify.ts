import type { Request } from 'express';
import type { Actor } from '../contract/actor.ts';
import { isSameOrigin, senderOf } from '../web/guard.ts';
import { NO_TOKEN, UNREADABLE_TOKEN, WRONG_TOKEN, type Problem } from './problems.ts';
import type { ApiTokens } from './tokens.ts';

export interface IdentifyOptions {
  readonly tokens: ApiTokens;
  /** The person who is signed in on the pages with this browser. */
  readonly signedIn: (request: Request) => Promise<Actor | undefined>;
  /** Told of each wrong token. Tokens are long, so nobody needs to be kept from guessing. */
  readonly onWrongToken: (sender: string) => void;
}

const OTHER_SITE: Problem = {
  status: 403,
  sentence: 'this came from a page of another site: use a token, or the page of the bot itself',
};

/** Says who asks: a token, or else whoever is signed in. */
export function createIdentify(options: IdentifyOptions): (request: Request) => Promise<Actor | Problem> {
  const { tokens, signedIn, onWrongToken } = options;
  return async (request) => {
    const given = bearerOf(request.headers.authorization);
    if (given === undefined) {
      const actor = await signedIn(request);
      if (!actor) return NO_TOKEN;
      // A browser sends its cookie whoever made it ask.
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
