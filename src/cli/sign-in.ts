import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { StartFailed } from '../errors.ts';
import { createSessionStore, endAllSessions } from '../web/session-store.ts';
import { createSignIn } from '../web/session.ts';
import { TRIAL_ADDRESS_FILE, type ProgramSetup, type ProgramSetupOptions } from './program-setup.ts';
import { withBareDatabase, withLastGood } from './with-database.ts';

export interface SignInOptions extends ProgramSetupOptions {
  /** The bot's URL as the browser sees it. */
  readonly url?: string;
}

/** Whoever can use the database can sign in a browser: the key is stored there, and any replica accepts it. */
export function signIn(options: SignInOptions): Promise<number> {
  if (options.url !== undefined && !/^https?:\/\//.test(options.url))
    throw new StartFailed(`--url "${options.url}" is not an address such as https://bell.example.org`);
  return withLastGood(options, async (database, setup, config) => {
    if (!Object.values(config.connectors).some(({ type }) => type === 'web'))
      throw new StartFailed('there is no web chat: add `web: {}` under connectors, and a room that uses it');
    const key = await createSignIn(createSessionStore(database.query), new Date());
    const url = options.url ?? (await addressOf(setup, config));
    console.log(`Open this link; it works once, within a day:\n\n  ${url.replace(/\/+$/, '')}/sign-in#${key}\n`);
    return 0;
  });
}

export function signOut(options: ProgramSetupOptions): Promise<number> {
  return withBareDatabase(options, async (database) => {
    const count = await endAllSessions(database.query);
    console.log(
      `${count === 1 ? 'One browser was' : `${count} browsers were`} signed out of the web chat. Links that were printed but not used yet no longer work.`,
    );
    return 0;
  });
}

async function addressOf(setup: ProgramSetup, config: Config): Promise<string> {
  const trial = config.database
    ? undefined
    : await readFile(join(setup.dataDirectory, TRIAL_ADDRESS_FILE), 'utf8').catch(() => undefined);
  return (
    config.http.publicUrl ?? trial?.trim() ?? `http://127.0.0.1:${config.http.port ?? 8080}${config.http.basePath}`
  );
}
