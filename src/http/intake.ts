/** What a webhook address leads to. The core implements it; `src/http` knows nothing of skills or rows. */
export interface Intake {
  /** The target of an address. Called for every request: must be quick and pure. */
  webhook(name: string, source: string): IntakeTarget | 'no such webhook' | 'no such source';
  /**
   * Stores the body as an event; resolves after the commit, and only then the sender gets its 200.
   * Rejects when that is not certain: the sender gets 503 and repeats. `body` is `rawBody` parsed,
   * `remoteAddress` the other end of the connection.
   */
  accept(name: string, source: string, rawBody: string, body: unknown, remoteAddress: string): Promise<void>;
  /** Told of every request that was not accepted. `sentence` may quote nothing from the request. */
  refused(name: string, source: string, status: number, sentence: string): void;
}

export interface IntakeTarget {
  /** The secrets that open this source, any of them; asked at most once a second. */
  tokens(): Promise<readonly string[]>;
  /** One sentence when a body is not acceptable at all. */
  refuse?(body: unknown): string | undefined;
  /** What a body of this source may have at most, inflated; default `http.maxBody`. */
  readonly maxBodyBytes?: number;
}
