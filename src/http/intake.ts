/** What a webhook address leads to. The core implements it; `src/http` knows nothing of skills or rows. */
export interface Intake {
  /** The target of an address. Called for every request: must be quick and pure. */
  webhook(name: string, source: string): IntakeTarget | 'no such webhook' | 'no such source';
  /** Everything that is configured, by `NAME/SOURCE`: asked only about a request that is refused. */
  targets(): ReadonlyMap<string, IntakeTarget>;
  /**
   * Stores the call as an event; resolves after the commit, and only then the sender gets its 200.
   * Rejects when that is not certain: the sender gets 503 and repeats.
   */
  accept(call: IntakeCall): Promise<void>;
  /** Told of every request that was not accepted. */
  refused(refusal: Refusal): void;
}

export interface IntakeCall {
  readonly name: string;
  readonly source: string;
  readonly rawBody: string;
  /** `rawBody`, parsed. */
  readonly body: unknown;
  /** Those that the target names, as far as they were sent. */
  readonly headers: Readonly<Record<string, string>>;
  /** The other end of the connection. */
  readonly remoteAddress: string;
}

export interface IntakeTarget {
  /** What opens this source: a token that the request shows, or a signature of its body; any of several. */
  readonly verify: { readonly bearer: readonly IntakeToken[] } | { readonly hmac: SignatureOptions };
  /** Headers that go along, in lower case. */
  readonly headers?: readonly string[];
  /** One sentence when a body is not acceptable at all. */
  reject?(body: unknown): string | undefined;
  /** What a body of this source may have at most, inflated; default `http.maxBody`. */
  readonly maxBodyBytes?: number;
}

/** HMAC-SHA256 of the body as it comes over the wire, in hexadecimal. */
export interface SignatureOptions {
  /** In lower case. */
  readonly header: string;
  /** What stands before it there: `sha256=`. */
  readonly prefix: string;
  readonly secrets: readonly IntakeToken[];
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
  /** Whose token the request showed, or whose secret signed it; without one, anybody may have sent it. */
  readonly sender: TokenOwner | undefined;
}

export interface TokenOwner {
  /** `alertmanager/prod-eu`. */
  readonly source: string;
  /** False: it was accepted since this program began, and is not any more. */
  readonly isCurrent: boolean;
}
