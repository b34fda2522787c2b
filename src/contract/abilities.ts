/** An outside resource that a skill's tasks and services use. Declared in `needs`, so that it is visible before the skill runs. */
export type Need = 'http' | 'exec';

export interface Abilities {
  /** Available with `needs: ['http']`. */
  readonly http: Http;
  /** Available with `needs: ['exec']`. */
  readonly exec: Exec;
}

/** `fetch` through the configured proxies. Aborts after `timeoutMs` (default 30 s), or when its task or service ends. */
export type Http = (url: string | URL, init?: RequestInit & { readonly timeoutMs?: number }) => Promise<Response>;

/**
 * Runs a program without a shell. Its environment is exactly `env`. When the task or service ends, the program and its child
 * processes are killed. @throws when the program cannot be started.
 */
export type Exec = (
  argv: readonly [string, ...string[]],
  options?: {
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    readonly input?: string;
    /** Limit for stdout and stderr together; the rest is dropped. Default 1 MiB. */
    readonly maxOutputBytes?: number;
  },
) => Promise<ExecResult>;

export interface ExecResult {
  /** Exit status; null when a signal ended the program. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}
