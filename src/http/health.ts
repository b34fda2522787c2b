/** State behind the probes. */
export interface Health {
  /** Configuration read, first connection made, migrations done. */
  started(): boolean;
  /** The program is shutting down. */
  draining(): boolean;
  /** Each part by name; `since` is when `ok` last changed. */
  parts(): Record<string, HealthPart>;
}

export interface HealthPart {
  readonly ok: boolean;
  readonly since: Date;
  readonly detail?: string;
}
