import type { Request } from 'express';
import type { Actor } from '../contract/actor.ts';
import { accountActor } from '../dispatch/chat-event.ts';
import type { Registry } from '../registry/registry.ts';
import { createSessions, type SessionsOptions } from '../web/session.ts';
import { cookiesOf } from '../web/sign-in.ts';

/** The actor of a browser that is signed in to the pages. */
export function createSignedIn(
  options: SessionsOptions,
  connector: string,
  registry: () => Registry,
): (request: Request) => Promise<Actor | undefined> {
  const sessions = createSessions(options);
  return async (request) => {
    if (request.headers.cookie === undefined || (await sessions.find(cookiesOf(request))) === undefined)
      return undefined;
    return accountActor(registry(), connector, { accountId: 'local', name: 'Local user', bot: false, guest: false });
  };
}
