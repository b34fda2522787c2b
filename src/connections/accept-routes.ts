import type { Clock } from '../clock.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { CrashHook } from '../crash-points.ts';
import { DatabaseAway, type Database, type Query } from '../db/database.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import { insertEvents, type NewEvent } from '../events/event.ts';
import type { Metrics } from '../metrics.ts';

const DAY_MS = 86_400_000;

export interface AcceptOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics?: Metrics;
  /** What people said. */
  readonly afterCommit: Pick<AfterCommit, 'urgentAccepted'>;
}

/**
 * Accepts what any replica may hear, without a lease: what pages and platforms send over HTTP. Resolves after the commit; a
 * repeat is known by its id. A room is named as the configuration has it. `beside` stores what belongs to it in the same transaction; false: nothing is to be accepted.
 */
export type Accept = (
  connector: string,
  events: readonly IncomingEvent[],
  beside?: (query: Query) => Promise<boolean>,
) => Promise<void>;

export function createAccept({ database, clock, crashPoint, metrics, afterCommit }: AcceptOptions): Accept {
  return async (connector, events, beside) => {
    if (!database.available) throw new DatabaseAway('the database is away');
    const rows = events.map((event) => rowOf(connector, event, clock.now()));
    crashPoint('receive.before-commit');
    const accepted = beside
      ? await database.transaction(async ({ query }) => ((await beside(query)) ? insertEvents(query, rows) : []))
      : await insertEvents(database.query, rows);
    crashPoint('receive.after-commit');
    metrics?.connectorLastEvent.set({ connector }, clock.now().getTime() / 1000);
    afterCommit.urgentAccepted(accepted);
  };
}

/** What happened on a platform, as it is stored: a room is a lane, handled in order. */
export function rowOf(connector: string, event: IncomingEvent, now: Date, room = event.room): NewEvent {
  // Any server may write any number there; what is no time, or lies ahead, happened now.
  const at = event.at.getTime() >= 0 && event.at.getTime() <= now.getTime() + DAY_MS ? event.at : now;
  return {
    source: connector,
    sourceId: event.id,
    lane: `${connector}:${room}`,
    kind: event.type,
    payload: JSON.stringify({ ...event, at, room }),
    happenedAt: at,
  };
}
