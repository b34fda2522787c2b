/** What of the world outside a skill may use in its tasks and services; declared, so that it can be seen before it runs. */
export type Need = 'http' | 'exec';

export interface Abilities {
  /** `needs: ['http']`. */
  readonly http: Http;
  /** `needs: ['exec']`. */
  readonly exec: Exec;
}

/** `fetch` through the configured proxies, for at most `timeoutMs` (default 30 s), and no longer than its task. */
export type Http = (url: string | URL, init?: RequestInit & { readonly timeoutMs?: number }) => Promise<Response>;

/**
 * Runs a program without a shell; its environment is what is given, and nothing else. It is ended with everything it has
 * started when its task is. @throws when it cannot be started.
 */
export type Exec = (
  argv: readonly [string, ...string[]],
  options?: {
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    readonly input?: string;
    /** Of both outputs together; the rest is dropped. Default 1 MiB. */
    readonly maxOutputBytes?: number;
  },
) => Promise<ExecResult>;

export interface ExecResult {
  /** Null: a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}
