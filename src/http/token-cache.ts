import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { hashSecret, isOneOf } from './credentials.ts';
import type { IntakeTarget, IntakeToken, TokenOwner } from './intake.ts';

const CACHE_MS = 1_000;
/** How long a token stays valid if its file exists but cannot be read. */
const GRACE_MS = 10_000;
/** A file that is rewritten in place is empty for a moment. */
const MAX_REREADS = 3;
const REREAD_AFTER_MS = 100;
const LOG_EVERY_MS = 10 * 60_000;
/** Per source. */
const MAX_FORMER = 8;

export interface TokenCacheOptions {
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** The current tokens of one source. */
export interface SourceTokens {
  /** Proofs of the valid ones: the hash of a token, or the key for signatures. */
  readonly accepted: readonly Buffer[];
  /** Proofs of those valid earlier since this program started, to recognise their senders. */
  readonly former: readonly Buffer[];
  /** Some token cannot be read, so an unknown one may be valid. */
  readonly isUnsure: boolean;
}

interface Token {
  /** Of the last value read; undefined once it is gone. */
  proof: Buffer | undefined;
  /** When it was last read. */
  readAtMs: number;
  state: 'unread' | 'good' | 'gone' | 'unreadable';
  /** When its problem was last logged. */
  loggedAtMs: number | undefined;
}

interface Source {
  target: IntakeTarget;
  tokens: ReadonlyMap<string, Token>;
  known: SourceTokens | undefined;
  readAtMs: number;
  reading: Promise<SourceTokens> | undefined;
}

/**
 * Caches the proofs of each source's tokens for a second: rotation and revocation apply within that time, and requests
 * do not read files. Tokens are independent: one that is gone is revoked, whatever happens to the others.
 */
export class TokenCache {
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #wait: (ms: number) => Promise<unknown>;
  readonly #sources = new Map<string, Source>();

  constructor({ log, nowMs = () => performance.now(), wait = sleep }: TokenCacheOptions) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#wait = wait;
  }

  /** `name` as in `alertmanager/prod-eu`. Never rejects. */
  of(name: string, target: IntakeTarget): SourceTokens | Promise<SourceTokens> {
    let source = this.#sources.get(name);
    // A new target means a new configuration: tokens that it no longer lists are invalid at once.
    if (source?.target !== target) {
      source = {
        target,
        tokens: source?.tokens ?? new Map(),
        known: source?.known,
        readAtMs: -Infinity,
        reading: undefined,
      };
      this.#sources.set(name, source);
    }
    if (source.known && this.#nowMs() - source.readAtMs < CACHE_MS) return source.known;
    return (source.reading ??= this.#read(name, source));
  }

  /**
   * The source whose token has this hash, among all configured ones; `first` if several sources share it. Never rejects.
   */
  async ownerOf(
    given: Buffer,
    targets: ReadonlyMap<string, IntakeTarget>,
    first: string,
  ): Promise<TokenOwner | undefined> {
    let owner: TokenOwner | undefined;
    for (const source of new Set([first, ...targets.keys()])) {
      const target = targets.get(source);
      if (!target || !('bearer' in target.verify)) continue;
      const { accepted, former } = await this.of(source, target);
      if (isOneOf(accepted, given)) return { source, isCurrent: true };
      if (isOneOf(former, given)) owner ??= { source, isCurrent: false };
    }
    return owner;
  }

  async #read(name: string, source: Source): Promise<SourceTokens> {
    const before = [...source.tokens.values()].flatMap(({ proof }) => proof ?? []);
    const { verify } = source.target;
    const secrets = 'bearer' in verify ? verify.bearer : verify.hmac.secrets;
    const prove = 'bearer' in verify ? hashSecret : (secret: string) => Buffer.from(secret);
    const tokens = new Map(secrets.map((one) => [one.name, source.tokens.get(one.name) ?? newToken()]));
    source.tokens = tokens;
    await Promise.all(secrets.map((one) => this.#readOne(name, one, tokens.get(one.name) ?? newToken(), prove)));
    const now = [...tokens.values()];
    const former = [...before, ...(source.known?.former ?? [])]
      .filter((proof) => !now.some((token) => token.proof?.equals(proof)))
      .slice(0, MAX_FORMER);
    source.known = {
      accepted: now.flatMap((token) => (token.proof && this.#isGood(token) ? token.proof : [])),
      former,
      isUnsure:
        now.some((token) => token.state === 'unreadable' && !this.#isGood(token)) ||
        // There never was one: more likely not mounted yet than revoked.
        (now.length > 0 && former.length === 0 && now.every((token) => token.state === 'gone')),
    };
    source.readAtMs = this.#nowMs();
    source.reading = undefined;
    return source.known;
  }

  async #readOne(
    source: string,
    { name, read }: IntakeToken,
    token: Token,
    prove: (secret: string) => Buffer,
  ): Promise<void> {
    let found = await attempt(read, prove);
    for (let rereads = 0; token.state === 'good' && found.state !== 'good' && rereads < MAX_REREADS; rereads++) {
      await this.#wait(REREAD_AFTER_MS);
      found = await attempt(read, prove);
    }
    token.state = found.state;
    if (found.state === 'good') {
      if (token.loggedAtMs !== undefined) this.#log.info({ source, name }, 'webhook token can be read again');
      Object.assign(token, { proof: found.proof, readAtMs: this.#nowMs(), loggedAtMs: undefined });
      return;
    }
    if (found.state === 'gone') token.proof = undefined;
    if (token.loggedAtMs !== undefined && this.#nowMs() - token.loggedAtMs < LOG_EVERY_MS) return;
    token.loggedAtMs = this.#nowMs();
    this.#log.warn({ source, name, reason: found.reason }, 'webhook token cannot be read');
  }

  #isGood({ state, readAtMs }: Token): boolean {
    return state === 'good' || (state === 'unreadable' && this.#nowMs() - readAtMs < GRACE_MS);
  }
}

function newToken(): Token {
  return { proof: undefined, readAtMs: -Infinity, state: 'unread', loggedAtMs: undefined };
}

type Found =
  | { readonly state: 'good'; readonly proof: Buffer }
  | { readonly state: 'gone' | 'unreadable'; readonly reason: string };

async function attempt(read: IntakeToken['read'], prove: (secret: string) => Buffer): Promise<Found> {
  try {
    const token = await read();
    // An empty secret file must not accept an empty token.
    if (token) return { state: 'good', proof: prove(token) };
    return { state: 'gone', reason: 'it is missing or empty, so it is rejected' };
  } catch (error) {
    return { state: 'unreadable', reason: messageOf(error) };
  }
}
