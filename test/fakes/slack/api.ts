import type { JsonMap } from './json.ts';
import type { Limiter } from './limiter.ts';
import { Arguments } from './methods/arguments.ts';
import { requireScope } from './methods/call.ts';
import { METHODS, rateOf, SCOPES } from './methods/index.ts';
import { Refusal } from './refusal.ts';
import type { Token, Tokens } from './tokens.ts';
import type { SlackOptions } from './types.ts';
import type { Workspace } from './workspace.ts';

export interface ApiContext {
  readonly workspace: Workspace;
  readonly options: SlackOptions;
  readonly tokens: Tokens;
  readonly limiter: Limiter;
  readonly isLimited: boolean;
  readonly url: string;
  readonly newSocketUrl: () => string;
}

/** A request. The token comes from its header, or else from its arguments. */
export interface ApiRequest {
  readonly method: string;
  readonly token: string | undefined;
  readonly given: JsonMap;
}

export interface ApiAnswer {
  readonly body: JsonMap;
  readonly headers: Readonly<Record<string, string>>;
}

/** Rejections are answers too, except for rate limits. @throws {RateLimited} */
export function answer(context: ApiContext, request: ApiRequest): ApiAnswer {
  let headers: Record<string, string> = {};
  try {
    const token = authorise(context, request);
    headers = {
      'x-oauth-scopes': [...token.scopes].join(','),
      'x-accepted-oauth-scopes': SCOPES[request.method] ?? '',
    };
    return { body: { ok: true, ...run(context, request, token) }, headers };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { body: { ok: false, error: error.message, ...error.extra }, headers };
  }
}

function authorise({ tokens }: ApiContext, { method, token }: ApiRequest): Token {
  if (!(method in METHODS)) throw new Refusal('unknown_method', { req_method: method });
  const known = tokens.check(token);
  const isForApp = method === 'apps.connections.open';
  if (isForApp !== (known.kind === 'app') && method !== 'auth.test') throw new Refusal('not_allowed_token_type');
  return known;
}

function run(context: ApiContext, { method, given }: ApiRequest, { scopes }: Token): JsonMap {
  const { workspace, options, limiter, isLimited, url, newSocketUrl } = context;
  const needed = SCOPES[method];
  if (needed !== undefined) requireScope({ scopes }, needed);
  const limit = (bucket: string, perMinute: number, burst: number): void => {
    if (isLimited) limiter.take(bucket, perMinute, burst, workspace.now());
  };
  const rate = rateOf(method);
  if (rate) limit(method, rate.perMinute, rate.burst);
  const { token: _token, ...args } = given;
  return METHODS[method]?.({ workspace, options, args: new Arguments(args), scopes, url, limit, newSocketUrl }) ?? {};
}
