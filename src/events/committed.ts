import type { ChangedRoom } from '../replicas/notifier.ts';
import type { Accepted } from './event.ts';

/** What to react to once a transaction has committed. */
export interface Committed {
  readonly rooms: readonly ChangedRoom[];
  readonly timersAt: Date | undefined;
  readonly tasks: boolean;
  readonly events: readonly Accepted[];
  /** For histograms. */
  readonly observed: readonly Observed[];
  /** Queries whose answers the handler named as changed. */
  readonly changed: readonly string[];
}

export interface Observed {
  readonly histogram: string;
  readonly value: number;
}
