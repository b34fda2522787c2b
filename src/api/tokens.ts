import type { Config } from '../config/schema.ts';
import type { Actor } from '../contract/actor.ts';
import type { SecretRef } from '../contract/secret.ts';
import { hashSecret, isOneOf } from '../http/credentials.ts';
import type { IntakeTarget } from '../http/intake.ts';
import { TokenCache } from '../http/token-cache.ts';
import { tokenOf } from '../http/webhook-intake.ts';
import type { Logger } from '../log.ts';

/** A shorter one could be guessed. */
const MIN_LENGTH = 16;

export interface ApiTokensOptions {
  readonly config: () => Config['api'];
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly log: Logger;
}

/** Finds the configured token of a request. */
export class ApiTokens {
  readonly #options: ApiTokensOptions;
  readonly #cache: TokenCache;
  #seen: Config['api'] | undefined;
  #targets: ReadonlyMap<string, IntakeTarget> = new Map();

  constructor(options: ApiTokensOptions) {
    this.#options = options;
    this.#cache = new TokenCache({ log: options.log });
  }

  /** The actor with this token. `unsure`: some token cannot be read, so this may be a valid one. Never rejects. */
  async find(given: string): Promise<Actor | 'unsure' | undefined> {
    const hash = hashSecret(given);
    let found: string | undefined;
    let isUnsure = false;
    // Compare all of them, so that the time does not reveal a match.
    for (const [name, target] of this.#current()) {
      const tokens = await this.#cache.of(`api/${name}`, target);
      if (isOneOf(tokens.accepted, hash)) found = name;
      isUnsure ||= tokens.isUnsure;
    }
    if (found !== undefined) return tokenActor(found);
    return isUnsure ? 'unsure' : undefined;
  }

  #current(): ReadonlyMap<string, IntakeTarget> {
    const { config, secret } = this.#options;
    const current = config();
    if (current === this.#seen) return this.#targets;
    this.#seen = current;
    this.#targets = new Map(
      Object.entries(current.tokens).map(([name, { token }]) => [
        name,
        {
          verify: {
            bearer: token.map((reference) => {
              const { name: place, read } = tokenOf(reference, secret);
              return { name: place, read: async () => longEnough(await read()) };
            }),
          },
        },
      ]),
    );
    return this.#targets;
  }
}

function longEnough(token: string | undefined): string | undefined {
  if (token === undefined || token.length >= MIN_LENGTH) return token;
  throw new Error(`it has ${token.length} characters, which can be guessed; generate one with at least ${MIN_LENGTH}`);
}

/** The actor of a token: `token:ci` in access rules and the audit log. */
export function tokenActor(name: string): Actor {
  const id = `token:${name}`;
  return { kind: 'token', connector: 'api', accountId: id, name: id, groups: [], guest: false, bot: false };
}
