import { codeOf, messageOf } from '../../errors.ts';
import { Gone, RateLimited, Rejected, Unauthorised, Unreachable } from '../connector.ts';

/** What a call was about. */
export interface Concerned {
  readonly room?: string;
  /** The bucket of the rate limits that a 429 closes; default the whole account. */
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

/** Slack says with these that it may have done it all the same, or nothing at all. */
const UNKNOWN = new Set(['fatal_error', 'internal_error', 'service_unavailable', 'request_timeout']);

const REASONS: Readonly<Record<string, string>> = {
  channel_not_found:
    'Slack knows no such channel, or it is private and the bot is not in it: invite the bot with /invite',
  not_in_channel: 'the bot is not in the channel: invite it with /invite',
  is_archived: 'the channel is archived',
  is_inactive: 'the channel is archived',
  msg_too_long: 'the message is longer than Slack takes',
  msg_blocks_too_long: 'the message is longer than Slack takes',
  restricted_action: 'a setting of the workspace does not let the bot post there',
  restricted_action_read_only_channel: 'only some people may post in the channel: add the bot to them',
  restricted_action_thread_only_channel: 'the channel takes replies in threads only',
  cannot_dm_bot: 'a bot takes no direct messages',
  user_not_found: 'Slack knows no such account',
  user_disabled: 'the account is deactivated',
  users_list_not_supplied: 'nobody is named',
  no_such_subteam: 'Slack knows no such user group',
};

/** Why Slack refused, as it names it; undefined: it did not say. */
export function slugOf(error: unknown): string | undefined {
  if (codeOf(error) !== REFUSED) return undefined;
  const slug = dataOf(error)['error'];
  // A page of a proxy is what the SDK takes for the name of an error.
  return typeof slug === 'string' && /^[a-z0-9_.:-]{1,100}$/i.test(slug) ? slug : undefined;
}

/** Whether what was asked for has certainly not been done, and never will be. */
export function isRefusal(error: unknown): boolean {
  const slug = slugOf(error);
  return slug !== undefined && slug !== 'ratelimited' && !LOCKED_OUT.has(slug) && !UNKNOWN.has(slug);
}

/** Makes the contract's errors of what a call threw; what stays as it is has an unknown outcome. */
export function classified(error: unknown, { room, bucket = 'account' }: Concerned = {}): unknown {
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
  return new Rejected(`${REASONS[slug] ?? `Slack answers ${slug}`}${room === undefined ? '' : ` (${room})`}`, error);
}

export function lockedOut(slug: string, cause?: unknown): Unauthorised {
  return new Unauthorised(
    `Slack does not accept the token any more (${slug}): reinstall the app to the workspace and put the new token in place`,
    cause,
  );
}

/** Without `chat:write` nothing can be posted at all: that waits until it is granted. */
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

/** Names and connections that fail before a byte of a request is sent. */
const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL_)/;

/** What lies behind an error of the SDK, of `fetch`, and so on. */
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
