import type { Database } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { readLinks, readLinksVersion, type Links } from './linked-accounts.ts';

const POLL_EVERY_MS = 1000;

export interface LinksWatchOptions {
  readonly database: Database;
  readonly log: Log;
  /** The version that is in use here. */
  readonly version: () => number;
  readonly onLinks: (links: Links) => void;
}

/**
 * Notices links made by other replicas within a second, for queries and pages. Event handlers do not depend on it: their
 * transaction reads the version when it begins.
 */
export class LinksWatch {
  readonly #options: LinksWatchOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LinksWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#poll(), POLL_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never fails. */
  async #poll(): Promise<void> {
    const { database, log, version, onLinks } = this.#options;
    if (!database.available) return;
    try {
      if ((await readLinksVersion(database.query)) !== version()) onLinks(await readLinks(database.query));
    } catch (error) {
      if (database.available) log.warn({ reason: messageOf(error) }, 'could not read linked accounts');
    }
  }
}
