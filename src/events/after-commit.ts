import type { Committed } from './committed.ts';
import type { Accepted } from './event.ts';

/**
 * Notifies the parts of the program that react to a commit. This is needed only for speed: what a crash loses here, the sweep
 * finds within a second. Nothing here throws. See src/follow-up.ts.
 */
export interface AfterCommit {
  /** Events are stored and waiting to be handled. */
  eventsAccepted(events: readonly Accepted[]): void;
  /** The same for events from people, which go before all others. */
  urgentAccepted(events: readonly Accepted[]): void;
  /** Nothing is waiting to be accepted any more: handling may resume. */
  acceptingCaughtUp(): void;
  /** An outbox was written. */
  outboxWritten(committed: Committed): void;
  /** A handler of this skill changed these answers; none named: it may have changed all of them. */
  answersChanged(skill: string, queries: readonly string[]): void;
  /** A room of the web chat has changed. */
  pageChanged(connector: string, room: string): void;
}
