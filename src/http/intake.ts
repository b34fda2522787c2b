/** Resolves and accepts webhooks. The core implements it; `src/http` knows nothing of skills or rows. */
export interface Intake {
  /** The target of an address. Called for every request: must be fast and pure. */
  webhook(name: string, source: string): IntakeTarget | 'no such webhook' | 'no such source';
  /** All configured targets, by `NAME/SOURCE`: only used for a rejected request. */
  targets(): ReadonlyMap<string, IntakeTarget>;
  /**
   * Stores the call as an event; resolves after the commit, and only then does the sender get its 200.
   * Rejects if that is not certain: the sender gets 503 and repeats.
   */
  accept(call: IntakeCall): Promise<void>;
  /** Called for every request that was not accepted. */
  rejected(rejection: Rejection): void;
}

export interface IntakeCall {
  readonly name: string;
  readonly source: string;
  readonly rawBody: string;
  /** `rawBody`, parsed. */
  readonly body: unknown;
  /** The headers that the target names, if they were sent. */
  readonly headers: Readonly<Record<string, string>>;
  /** Address of the peer. */
  readonly remoteAddress: string;
}

export interface IntakeTarget {
  /** How requests authenticate: by one of several tokens, or by a signature of the body. */
  readonly verify: { readonly bearer: readonly IntakeToken[] } | { readonly hmac: SignatureOptions };
  /** Headers to pass on, in lower case. */
  readonly headers?: readonly string[];
  /** Returns one sentence if a body is not acceptable. */
  reject?(body: unknown): string | undefined;
  /** Maximum size of an inflated body; default `http.maxBody`. */
  readonly maxBodyBytes?: number;
}

/** HMAC-SHA256 of the raw body, in hexadecimal. */
export interface SignatureOptions {
  /** In lower case. */
  readonly header: string;
  /** Prefix of the value: `sha256=`. */
  readonly prefix: string;
  readonly secrets: readonly IntakeToken[];
}

export interface IntakeToken {
  /** Name shown to people: `file alerts-token`. */
  readonly name: string;
  /** Resolves to undefined if there is none; rejects if it cannot be read now. Called at most once a second. */
  read(): Promise<string | undefined>;
}

export type RejectionReason =
  | 'no such webhook'
  | 'no such source'
  | 'not posted'
  | 'no token'
  | 'wrong token'
  | 'token unreadable'
  | 'body'
  | 'not stored';

export interface Rejection {
  /** Empty if the address is not that of a webhook. */
  readonly name: string;
  readonly source: string;
  /** The path below `/webhooks/`; undefined if it has characters that should not be shown. */
  readonly path: string | undefined;
  readonly status: number;
  readonly reason: RejectionReason;
  /** Does not quote the request. */
  readonly sentence: string;
  /** The source whose token or secret the request used; undefined if anyone may have sent it. */
  readonly sender: TokenOwner | undefined;
}

export interface TokenOwner {
  /** `alertmanager/prod-eu`. */
  readonly source: string;
  /** False: it was accepted since this program started, but no longer is. */
  readonly isCurrent: boolean;
}
