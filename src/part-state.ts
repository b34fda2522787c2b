/** State of a part of the program, as shown by `status` and /healthz. */
export interface PartState {
  readonly ok: boolean;
  readonly since: Date;
  readonly detail?: string | undefined;
}
