/** What a webhook address leads to. The core implements it; `src/http` knows nothing of skills or rows. */
export interface Intake {
  /** The target of an address. Called for every request: must be quick and pure. */
  webhook(name: string, source: string): IntakeTarget | 'no such webhook' | 'no such source';
  /** Everything that is configured, by `NAME/SOURCE`: asked only about a request that is refused. */
  targets(): ReadonlyMap<string, IntakeTarget>;
  /**
   * Stores the body as an event; resolves after the commit, and only then the sender gets its 200.
   * Rejects when that is not certain: the sender gets 503 and repeats. `body` is `rawBody` parsed,
   * `remoteAddress` the other end of the connection.
   */
  accept(name: string, source: string, rawBody: string, body: unknown, remoteAddress: string): Promise<void>;
  /** Told of every request that was not accepted. */
  refused(refusal: Refusal): void;
}

export interface IntakeTarget {
  /** The secrets that open this source, any of them. */
  readonly tokens: readonly IntakeToken[];
  /** One sentence when a body is not acceptable at all. */
  refuse?(body: unknown): string | undefined;
  /** What a body of this source may have at most, inflated; default `http.maxBody`. */
  readonly maxBodyBytes?: number;
}

export interface IntakeToken {
  /** How people know it: `file alerts-token`. */
  readonly name: string;
  /** Resolves to undefined when there is none (any more); rejects when that cannot be told now. Asked at most once a second. */
  read(): Promise<string | undefined>;
}

export type RefusalReason =
  | 'no such webhook'
  | 'no such source'
  | 'not posted'
  | 'no token'
  | 'wrong token'
  | 'token unreadable'
  | 'body'
  | 'not stored';

export interface Refusal {
  /** Empty when the address names no webhook. */
  readonly name: string;
  readonly source: string;
  /** What was asked for, below `/webhooks/`; undefined when it has characters that people should not be shown. */
  readonly path: string | undefined;
  readonly status: number;
  readonly reason: RefusalReason;
  /** Quotes nothing of the request. */
  readonly sentence: string;
  /** Whose token the request showed; without one, anybody may have sent it. */
  readonly sender: TokenOwner | undefined;
}

export interface TokenOwner {
  /** `alertmanager/prod-eu`. */
  readonly source: string;
  /** False: it was accepted since this program began, and is not any more. */
  readonly isCurrent: boolean;
}
