/** A part of the program, as `status` and /healthz tell it. */
export interface PartState {
  readonly ok: boolean;
  readonly since: Date;
  readonly detail?: string | undefined;
}
