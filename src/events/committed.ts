import type { WokenRoom } from '../replicas/notifier.ts';
import type { Accepted } from './event.ts';

/** What a transaction leaves for others to look at once it has committed. */
export interface Committed {
  readonly rooms: readonly WokenRoom[];
  readonly timersAt: Date | undefined;
  readonly tasks: boolean;
  readonly events: readonly Accepted[];
  /** To be counted in histograms. */
  readonly observed: readonly Observed[];
  /** Queries whose answers the handler said it changed. */
  readonly changed: readonly string[];
}

export interface Observed {
  readonly histogram: string;
  readonly value: number;
}
