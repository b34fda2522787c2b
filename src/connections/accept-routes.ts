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
  /** Told about accepted events, which come from people. */
  readonly afterCommit: Pick<AfterCommit, 'urgentAccepted'>;
}

/**
 * Accepts events that any replica may receive without a lease: those that pages and platforms send over HTTP. Resolves after
 * the commit; a repeat is recognised by its id. Rooms are named as in the configuration. `alsoStore` runs in the same
 * transaction; if it returns false, nothing is accepted.
 */
export type Accept = (
  connector: string,
  events: readonly IncomingEvent[],
  alsoStore?: (query: Query) => Promise<boolean>,
) => Promise<void>;

export function createAccept({ database, clock, crashPoint, metrics, afterCommit }: AcceptOptions): Accept {
  return async (connector, events, alsoStore) => {
    if (!database.available) throw new DatabaseAway('the database is unreachable');
    const rows = events.map((event) => rowOf(connector, event, clock.now()));
    crashPoint('receive.before-commit');
    const accepted = alsoStore
      ? await database.transaction(async ({ query }) => ((await alsoStore(query)) ? insertEvents(query, rows) : []))
      : await insertEvents(database.query, rows);
    crashPoint('receive.after-commit');
    metrics?.connectorLastEvent.set({ connector }, clock.now().getTime() / 1000);
    afterCommit.urgentAccepted(accepted);
  };
}

/** A platform's event as it is stored. Each room is a lane, handled in order. */
export function rowOf(connector: string, event: IncomingEvent, now: Date, room = event.room): NewEvent {
  // A server may send any number here. An invalid time, or one in the future, counts as now.
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
