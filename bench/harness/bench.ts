import type { Stage } from './stage.ts';

/** One line of the table. */
export interface Row {
  readonly benchmark: string;
  readonly ours: string;
  /** The named peer or limit, measured in the same run unless it says where from. */
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
  /** Undefined: there is no target, the number stands beside another. */
  readonly met: boolean | undefined;
}

export interface Measured {
  readonly rows: readonly Row[];
  /** What a reader of the table must know, one line each. */
  readonly notes?: readonly string[];
}

/** One benchmark: ours and its peer in turn (A B A B), so that whatever drifts on the machine drifts for both. */
export type Bench = (stage: Stage) => Promise<Measured>;
