import { Refusal } from './refusal.ts';

export interface Token {
  readonly token: string;
  readonly kind: 'bot' | 'app';
  scopes: ReadonlySet<string>;
  /** Slack's error code, if it is rejected. */
  refused: string | undefined;
}

export class Tokens {
  private readonly known = new Map<string, Token>();

  add(token: string, kind: Token['kind'], scopes: readonly string[]): void {
    this.known.set(token, { token, kind, scopes: new Set(scopes), refused: undefined });
  }

  /** @throws {Refusal} */
  check(token: string | undefined): Token {
    if (token === undefined || token === '') throw new Refusal('not_authed');
    const known = this.known.get(token);
    if (!known) throw new Refusal('invalid_auth');
    if (known.refused !== undefined) throw new Refusal(known.refused);
    return known;
  }

  /** Rejects all tokens of a kind, or accepts them again. */
  refuse(kind: Token['kind'], error: string | undefined): void {
    for (const token of this.known.values()) if (token.kind === kind) token.refused = error;
  }

  setScopes(kind: Token['kind'], scopes: readonly string[]): void {
    for (const token of this.known.values()) if (token.kind === kind) token.scopes = new Set(scopes);
  }
}
