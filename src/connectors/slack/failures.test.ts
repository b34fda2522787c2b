import { codeOf } from '../../errors.ts';
import { classified } from './failures.ts';

const refused = (error: string, more = {}): object => ({
  code: 'slack_webapi_platform_error',
  message: `An API error occurred: ${error}`,
  data: { ok: false, error, ...more },
});
const failed = (code: string): object => ({
  code: 'slack_webapi_request_error',
  original: new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }),
});

test.each([
  ['channel_not_found', 'WB_REJECTED'],
  ['not_in_channel', 'WB_REJECTED'],
  ['is_archived', 'WB_REJECTED'],
  ['invalid_blocks', 'WB_REJECTED'],
  ['msg_too_long', 'WB_REJECTED'],
  ['restricted_action', 'WB_REJECTED'],
  ['message_not_found', 'WB_GONE'],
  ['invalid_auth', 'WB_UNAUTHORISED'],
  ['token_revoked', 'WB_UNAUTHORISED'],
  ['account_inactive', 'WB_UNAUTHORISED'],
  ['not_authed', 'WB_UNAUTHORISED'],
  ['ratelimited', 'WB_RATE_LIMITED'],
])('%s is %s', (error, code) => {
  expect(codeOf(classified(refused(error)))).toBe(code);
});

test('a network error, or an error inside Slack, has an unknown outcome', () => {
  for (const error of [
    refused('fatal_error'),
    refused('internal_error'),
    refused('<html>502 Bad Gateway</html>'),
    failed('ECONNRESET'),
    failed('UND_ERR_SOCKET'),
    { code: 'slack_webapi_http_error', statusCode: 503 },
    new Error('enough'),
  ])
    expect(classified(error)).toBe(error);
});

test('if no connection was made, the request was certainly not executed', () => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED'])
    expect(codeOf(classified(failed(code)))).toBe('WB_UNREACHABLE');
});

test('a rate limit closes the bucket of its method for as long as Slack says', () => {
  const limited = { code: 'slack_webapi_rate_limited_error', retryAfter: 7 };
  expect(classified(limited, { bucket: 'chat.update' })).toMatchObject({ bucket: 'chat.update', retryAfterMs: 7000 });
  expect(classified(limited)).toMatchObject({ bucket: 'account' });
});

test('the error for a missing scope says where to add it; without chat:write everything waits', () => {
  expect(classified(refused('missing_scope', { needed: 'reactions:write' }))).toMatchObject({
    code: 'WB_REJECTED',
    reason: expect.stringMatching(/reactions:write.*OAuth & Permissions.*reinstall/),
  });
  expect(codeOf(classified(refused('missing_scope', { needed: 'chat:write' })))).toBe('WB_UNAUTHORISED');
});
