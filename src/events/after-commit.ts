import type { Committed } from './committed.ts';
import type { Accepted } from './event.ts';

/**
 * Tells whoever must look at it that something was just committed. None of this is needed for correctness, only for speed:
 * what a crash swallows here is found by the sweep, within a second. Nothing throws. src/follow-up.ts says who looks.
 */
export interface AfterCommit {
  /** Events are stored and wait to be handled. */
  eventsAccepted(events: readonly Accepted[]): void;
  /** The same for what people said or pressed: it goes before everything else. */
  urgentAccepted(events: readonly Accepted[]): void;
  /** Nothing waits to be accepted any more: what was held back meanwhile may be handled. */
  acceptingCaughtUp(): void;
  /** An outbox was written. */
  outboxWritten(committed: Committed): void;
  /** A handler of this skill changed these answers; none named: it may have changed all of them. */
  answersChanged(skill: string, queries: readonly string[]): void;
  /** A room of the web chat shows something else. */
  pageChanged(connector: string, room: string): void;
}
