import type { Stage } from './stage.ts';

/** One line of the table. */
export interface Row {
  readonly benchmark: string;
  readonly ours: string;
  /** The peer or limit, measured in the same run unless stated otherwise. */
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
  /** Undefined: there is no target, only a comparison. */
  readonly met: boolean | undefined;
}

export interface Measured {
  readonly rows: readonly Row[];
  /** Notes for readers of the table, one line each. */
  readonly notes?: readonly string[];
}

/** One benchmark: ours and its peer in turn (A B A B), so that both are affected by drift on the machine. */
export type Bench = (stage: Stage) => Promise<Measured>;
