/** What the probes answer from. */
export interface Health {
  /** The configuration is read, the first connection made, the migrations are done. */
  started(): boolean;
  /** The program was asked to end. */
  draining(): boolean;
  /** Each part by name; `since` is when `ok` last changed. */
  parts(): Record<string, HealthPart>;
}

export interface HealthPart {
  readonly ok: boolean;
  readonly since: Date;
  readonly detail?: string;
}
