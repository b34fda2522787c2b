import { codeOf, messageOf } from '../../errors.ts';
import { Gone, RateLimited, Rejected, Unauthorised, Unreachable } from '../connector.ts';

/** What a failed call was about. */
export interface FailedCall {
  readonly room?: string;
  /** The rate-limit bucket that a 429 closes; default: the entire account. */
  readonly bucket?: string;
}

const RATE_LIMITED = 'slack_webapi_rate_limited_error';
const REFUSED = 'slack_webapi_platform_error';

const LOCKED_OUT = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'not_allowed_token_type',
  'org_login_required',
  'team_access_not_granted',
  'team_disabled',
  'user_removed_from_team',
]);

/** With these, Slack may have done the work or not. */
const UNKNOWN = new Set(['fatal_error', 'internal_error', 'service_unavailable', 'request_timeout']);

const REASONS: Readonly<Record<string, string>> = {
  channel_not_found:
    'Slack has no such channel, or it is private and the bot is not in it: invite the bot with /invite',
  not_in_channel: 'the bot is not in the channel: invite it with /invite',
  is_archived: 'the channel is archived',
  is_inactive: 'the channel is archived',
  msg_too_long: 'the message is longer than Slack allows',
  msg_blocks_too_long: 'the message is longer than Slack allows',
  restricted_action: 'a workspace setting does not allow the bot to post there',
  restricted_action_read_only_channel: 'posting in the channel is restricted: add the bot to those who may',
  restricted_action_thread_only_channel: 'the channel allows only replies in threads',
  cannot_dm_bot: 'bots cannot receive direct messages',
  user_not_found: 'Slack has no such account',
  user_disabled: 'the account is deactivated',
  users_list_not_supplied: 'no people were given',
  no_such_subteam: 'Slack has no such user group',
};

/** Slack's error code; undefined: there is none. */
export function slugOf(error: unknown): string | undefined {
  if (codeOf(error) !== REFUSED) return undefined;
  const slug = dataOf(error)['error'];
  // The SDK reports a proxy's error page as if it were an error code.
  return typeof slug === 'string' && /^[a-z0-9_.:-]{1,100}$/i.test(slug) ? slug : undefined;
}

/** Whether the request was certainly not executed, and a retry would fail the same way. */
export function isRefusal(error: unknown): boolean {
  const slug = slugOf(error);
  return slug !== undefined && slug !== 'ratelimited' && !LOCKED_OUT.has(slug) && !UNKNOWN.has(slug);
}

/** Converts what a call threw to the contract's errors; an error returned as it is means an unknown outcome. */
export function classified(error: unknown, { room, bucket = 'account' }: FailedCall = {}): unknown {
  if (codeOf(error) === RATE_LIMITED)
    return new RateLimited(bucket, Math.max(1, Number(fieldOf(error, 'retryAfter'))) * 1000);
  const slug = slugOf(error);
  if (slug === undefined)
    return isBeforeSending(error) ? new Unreachable(`Slack cannot be reached: ${detailOf(error)}`, error) : error;
  if (slug === 'ratelimited') return new RateLimited(bucket, 1000);
  if (LOCKED_OUT.has(slug)) return lockedOut(slug, error);
  if (UNKNOWN.has(slug)) return error;
  if (slug === 'message_not_found' || slug === 'no_item_specified') return new Gone(error);
  if (slug === 'missing_scope') return missingScope(error);
  return new Rejected(`${REASONS[slug] ?? `Slack answered ${slug}`}${room === undefined ? '' : ` (${room})`}`, error);
}

export function lockedOut(slug: string, cause?: unknown): Unauthorised {
  return new Unauthorised(
    `Slack no longer accepts the token (${slug}): reinstall the app to the workspace and replace the token`,
    cause,
  );
}

/** Without `chat:write` nothing can be posted, so messages wait until it is granted. */
function missingScope(error: unknown): Error {
  const { needed } = dataOf(error);
  const scope = typeof needed === 'string' ? needed : 'a scope';
  const remedy = `the bot token lacks ${scope}: add it under "OAuth & Permissions" and reinstall the app`;
  return scope.split(',').includes('chat:write') ? new Unauthorised(remedy, error) : new Rejected(remedy, error);
}

function dataOf(error: unknown): Readonly<Record<string, unknown>> {
  const data = fieldOf(error, 'data');
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

function fieldOf(error: unknown, field: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[field] : undefined;
}

/** Failures before the first byte of a request is sent. */
const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL_)/;

/** An error followed by its causes, outermost first. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let here = error; here !== undefined && here !== null && chain.length < 8;) {
    chain.push(here);
    here = fieldOf(here, 'original') ?? fieldOf(here, 'cause');
  }
  return chain;
}

function isBeforeSending(error: unknown): boolean {
  return chainOf(error).some((one) => BEFORE_SENDING.test(codeOf(one) ?? ''));
}

function detailOf(error: unknown): string {
  return messageOf(chainOf(error).at(-1));
}
