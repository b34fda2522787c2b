import { occasionally } from './api/occasionally.ts';
import { createApi } from './api/router.ts';
import { createSignedIn } from './api/signed-in.ts';
import { ApiTokens } from './api/tokens.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/schema.ts';
import type { WebOptions } from './connectors/web/platform.ts';
import type { SecretRef } from './contract/secret.ts';
import type { CrashHook } from './crash-points.ts';
import type { Database } from './db/database.ts';
import type { Changes } from './dispatch/changes.ts';
import type { QueryRunner } from './dispatch/query-runner.ts';
import type { AfterCommit } from './events/after-commit.ts';
import type { Pages } from './http/server.ts';
import type { Logger } from './log.ts';
import type { Registry } from './registry/registry.ts';
import type { StoredWebChat } from './web/chat-store.ts';
import { createWebPages } from './web/pages.ts';
import { createSessionStore } from './web/session-store.ts';
import type { SessionsOptions } from './web/session.ts';

export interface AppPagesOptions {
  readonly version: string;
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly database: Database;
  readonly queries: QueryRunner;
  readonly changes: Changes;
  readonly crashPoint: CrashHook;
  readonly afterCommit: Pick<AfterCommit, 'urgentAccepted'>;
  readonly webChat: StoredWebChat;
  /** The web connector's name and options; undefined: none is configured. */
  readonly web: readonly [name: string, options: object] | undefined;
  readonly isStarted: () => boolean;
  readonly notifyOps: (about: string, text: string) => Promise<void>;
}

/** What the HTTP server serves besides webhooks: the REST API, and the web chat if it is configured. */
export function createAppPages(options: AppPagesOptions): Pages[] {
  const { web, database, clock, secret, config, log, webChat } = options;
  if (!web) return [api(options, async () => undefined)];
  const { password } = web[1] as WebOptions;
  const sessions: SessionsOptions = {
    store: createSessionStore(database.query),
    now: () => clock.now(),
    ...(password && { password: () => secret(password) }),
  };
  return [
    api(options, createSignedIn(sessions, web[0], options.registry)),
    createWebPages({
      ...{ chat: webChat, sessions: sessions.store, log, now: sessions.now },
      ...{ title: config().name, basePath: config().http.basePath },
      ...(sessions.password && { password: sessions.password }),
    }),
  ];
}

function api(options: AppPagesOptions, signedIn: ReturnType<typeof createSignedIn>): Pages {
  const { version, registry, queries, changes, database, clock, crashPoint, afterCommit, secret, log } = options;
  return createApi({
    ...{ version, registry, queries, changes, signedIn, isStarted: options.isStarted },
    commands: { database, clock, crashPoint, registry, afterCommit },
    tokens: new ApiTokens({ config: () => options.config().api, secret, log }),
    onWrongToken: occasionally((sender: string) => {
      log.warn({ address: sender }, 'wrong token on the API');
      void options.notifyOps(
        'api:wrong token',
        "A request to the REST API had a wrong token. If it came from one of your programs, give it a token listed in `api.tokens`. The sender's address is in my log.",
      );
    }),
  });
}
