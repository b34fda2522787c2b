import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { hashSecret, isOneOf } from './credentials.ts';
import type { IntakeTarget, IntakeToken, TokenOwner } from './intake.ts';

const READ_AGAIN_MS = 1_000;
/** A token that is there and cannot be read stays good for so long. */
const GRACE_MS = 10_000;
/** A file that is written in place is empty for a moment. */
const LOOKS_AGAIN = 3;
const LOOK_AGAIN_MS = 100;
const SAY_AGAIN_MS = 10 * 60_000;
/** Of each source. */
const MAX_FORMER = 8;

export interface TokenCacheOptions {
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** What is known of the tokens of one source right now. */
export interface SourceTokens {
  /** Proofs of those that open it: the hash of a token, the key of signatures. */
  readonly accepted: readonly Buffer[];
  /** Proofs of those that did since this program began: whoever shows one is no stranger. */
  readonly former: readonly Buffer[];
  /** Some token cannot be read, so nobody can say of another one that it is wrong. */
  readonly isUnsure: boolean;
}

interface Token {
  /** Of the value read last; undefined once it is gone. */
  proof: Buffer | undefined;
  /** When it was read last. */
  readAtMs: number;
  state: 'unread' | 'good' | 'gone' | 'unreadable';
  /** When its trouble was said last. */
  saidAtMs: number | undefined;
}

interface Source {
  target: IntakeTarget;
  tokens: ReadonlyMap<string, Token>;
  known: SourceTokens | undefined;
  readAtMs: number;
  reading: Promise<SourceTokens> | undefined;
}

/**
 * Keeps the proofs of each source's tokens for a second: a rotated or revoked one counts within that time, and no request
 * reads files. Each token stands by itself: one that is gone is revoked, whatever becomes of the others.
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
    // Another target is another configuration: what it no longer lists is not good for a second longer.
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
    if (source.known && this.#nowMs() - source.readAtMs < READ_AGAIN_MS) return source.known;
    return (source.reading ??= this.#read(name, source));
  }

  /**
   * Whose token has this hash, among all that are configured; `first` where several sources share one. Never rejects.
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
        // None was ever there: not mounted yet, more likely than revoked.
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
    for (let looks = 0; token.state === 'good' && found.state !== 'good' && looks < LOOKS_AGAIN; looks++) {
      await this.#wait(LOOK_AGAIN_MS);
      found = await attempt(read, prove);
    }
    token.state = found.state;
    if (found.state === 'good') {
      if (token.saidAtMs !== undefined) this.#log.info({ source, name }, 'webhook token can be read again');
      Object.assign(token, { proof: found.proof, readAtMs: this.#nowMs(), saidAtMs: undefined });
      return;
    }
    if (found.state === 'gone') token.proof = undefined;
    if (token.saidAtMs !== undefined && this.#nowMs() - token.saidAtMs < SAY_AGAIN_MS) return;
    token.saidAtMs = this.#nowMs();
    this.#log.warn({ source, name, reason: found.reason }, 'webhook token cannot be read');
  }

  #isGood({ state, readAtMs }: Token): boolean {
    return state === 'good' || (state === 'unreadable' && this.#nowMs() - readAtMs < GRACE_MS);
  }
}

function newToken(): Token {
  return { proof: undefined, readAtMs: -Infinity, state: 'unread', saidAtMs: undefined };
}

type Found =
  | { readonly state: 'good'; readonly proof: Buffer }
  | { readonly state: 'gone' | 'unreadable'; readonly reason: string };

async function attempt(read: IntakeToken['read'], prove: (secret: string) => Buffer): Promise<Found> {
  try {
    const token = await read();
    // An empty secret file must not open the door to an empty token.
    if (token) return { state: 'good', proof: prove(token) };
    return { state: 'gone', reason: 'it is gone or empty: it is not accepted' };
  } catch (error) {
    return { state: 'unreadable', reason: messageOf(error) };
  }
}
