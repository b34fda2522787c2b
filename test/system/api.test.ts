import { join } from 'node:path';
import alerts from '../../skills/alerts/index.ts';
import coffee from '../../skills/coffee/index.ts';
import countdown from '../../skills/countdown/index.ts';
import { post } from '../../skills/alerts/test-bot.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { signIn } from '../harness/web-session.ts';

const CI = 'a-token-that-is-long-enough';
const skill = (name: string): string => join(import.meta.dirname, `../../skills/${name}/migrations`);

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [alerts, coffee, countdown],
    migrations: { alerts: skill('alerts'), coffee: skill('coffee'), countdown: skill('countdown') },
    secrets: { token: 'secret', ci: CI, next: `${CI}-next`, narrow: `${CI}-narrow`, short: 'short' },
    options: {
      alerts: {
        sources: { prod: { tokens: [{ file: 'token' }] } },
        route: { rooms: ['lobby'], routes: [{ matchers: ['team="den"'], rooms: ['den'] }] },
      },
      coffee: { rounds: { lobby: { room: 'lobby', every: 'Mon 10:00' } } },
    },
    config: {
      connectors: { memory: {}, web: {} },
      rooms: { lobby: { in: { memory: 'lobby', web: 'lobby' } }, den: { in: { memory: 'den' } } },
      people: { ann: { name: 'Ann', accounts: { memory: '@ann:test', web: 'local' } } },
      access: [{ deny: ['token:narrow'], in: ['den'] }],
      api: {
        tokens: {
          ci: { token: [{ file: 'ci' }, { file: 'next' }], queries: ['*'], commands: ['*'] },
          narrow: { token: { file: 'narrow' }, queries: ['skill:alerts'], commands: [] },
        },
      },
    },
  });
  for (const [pod, severity, team] of [
    ['api-1', 'warning', 'pay'],
    ['api-2', 'critical', 'pay'],
    ['api-3', 'info', 'den'],
  ] as const)
    await post(bot, { pod, severity, team, name: `Broken ${pod}` });
});
afterAll(() => bot.stop());

function get(path: string, token: string | undefined = CI, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${bot.app.port}/api/${path}`, {
    ...init,
    headers: { ...(token !== '' && { authorization: `Bearer ${token}` }), ...init.headers },
  });
}

async function answer(path: string, token = CI): Promise<Record<string, unknown>> {
  const response = await get(`v1/${path}`, token);
  const body = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(body)}`);
  return body;
}

async function problem(response: Promise<Response>): Promise<[status: number, title: string]> {
  const answered = await response;
  const { status, headers } = answered;
  const body = (await answered.json()) as { title: string; status: number };
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body.status).toBe(status);
  return [status, body.title];
}

test('open alerts are listed worst first, in pages', async () => {
  const first = await answer('alerts/open?limit=2');
  expect(first).toMatchObject({
    items: [
      {
        id: 2,
        name: 'Broken api-2',
        severity: 'critical',
        state: 'firing',
        source: 'prod',
        acked: null,
        rooms: ['lobby'],
      },
      { id: 1, severity: 'warning', labels: { pod: 'api-1' } },
    ],
  });
  const rest = await answer(`alerts/open?limit=2&cursor=${String(first['next'])}`);
  expect(rest).toMatchObject({ items: [{ id: 3, rooms: ['den'] }] });
  expect(rest).not.toHaveProperty('next');
  expect(await answer('alerts/open?severity=info')).toMatchObject({ items: [{ id: 3 }] });
  expect(await answer('alerts/open?room=den')).toMatchObject({ items: [{ id: 3 }] });
  expect(await answer('alerts/open?acked=true')).toEqual({ items: [] });
});

test('an alert is returned with its history, whoever acknowledged it', async () => {
  await bot.say('ack 1 on it');
  const shown = await answer('alerts/one?id=1');
  expect(shown).toMatchObject({ id: 1, state: 'acked', acked: { by: 'Ann', note: 'on it', until: null }, ended: null });
  expect((shown['history'] as { what: string }[]).map(({ what }) => what)).toEqual(['fired', 'acked']);
  expect(await problem(get('v1/alerts/one?id=99'))).toEqual([404, 'there is no alert #99 that you may read']);
});

test('a token does not see items of rooms that it may not query', async () => {
  const { items } = await answer('alerts/open', `${CI}-narrow`);
  expect((items as { id: number }[]).map(({ id }) => id)).toEqual([2, 1]);
  expect(await problem(get('v1/alerts/one?id=3', `${CI}-narrow`))).toEqual([404, expect.any(String)]);
});

test('a token can only use what its entry lists, and the error says where to add more', async () => {
  expect(await problem(get('v1/core/version', `${CI}-narrow`))).toEqual([
    403,
    '`core version` is not among the queries of token:narrow; ask an admin to add it to api.tokens.narrow.queries',
  ]);
  expect(await problem(get('v1/core/audit'))).toEqual([403, '`core audit` is for the group admins; ask one of them']);
});

test('queries of other skills work too', async () => {
  await bot.say('count to 500');
  expect(await answer('countdown/running')).toMatchObject({ items: [{ room: 'lobby', length: 500, by: 'Ann' }] });
  await bot.say('stop');
  expect(await answer('countdown/running')).toEqual({ items: [] });
  expect(await answer('coffee/rounds')).toMatchObject({ items: [{ name: 'lobby', rooms: ['lobby'], last: null }] });
  expect(await answer('coffee/history')).toEqual({ items: [] });
  expect(await answer('core/version')).toEqual({ name: 'watchbell', version: '0.0.0-test' });
  expect(await answer('core/rooms')).toMatchObject({
    items: [{ name: 'den' }, { name: 'lobby', connectors: ['memory', 'web'] }],
  });
  expect(await answer('core/people')).toEqual({ items: [{ id: 'ann', name: 'Ann' }] });
  expect(await answer('core/skills?limit=1')).toMatchObject({ items: [{ name: 'alerts' }], next: 'alerts' });
});

test('a request without a token, with a wrong one or a revoked one gets a remedy', async () => {
  expect(await problem(get('v1/core/version', ''))).toEqual([401, expect.stringContaining('a token is missing')]);
  expect(await problem(get('v1/core/version', 'wrong'))).toEqual([401, expect.stringContaining('the token is wrong')]);
  expect((await get('v1/core/version', 'wrong')).headers.get('www-authenticate')).toContain('Bearer');
  expect((await get('v1/core/version', `${CI}-next`)).status).toBe(200);
});

test.each([
  ['v1/alerts/nothing', 404, 'the skill alerts has no query "nothing"; queries: open, one'],
  ['v1/nothing/open', 404, 'there is no skill "nothing"; skills: core, alerts, coffee, countdown'],
  ['v1/alerts/open?limit=1&limit=2', 400, 'limit is given more than once'],
  ['v1/alerts/open?limit=0', 400, expect.stringContaining('limit: ')],
  ['v1/alerts/open?cursor=x', 400, expect.stringContaining('cursor: ')],
  ['nothing', 404, expect.stringContaining('there is nothing at this address')],
  ['v1/%ff/open', 400, expect.any(String)],
])('%s returns %d', async (path, status, title) => {
  expect(await problem(get(path))).toEqual([status, title]);
});

test('another method is rejected with the allowed ones', async () => {
  const response = await get('v1/alerts/open', CI, { method: 'DELETE' });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await get('v1/alerts/open', CI, { method: 'HEAD' })).status).toBe(200);
});

test('a signed-in browser runs queries as its person', async () => {
  const cookie = await signIn(`http://127.0.0.1:${bot.app.port}`, await bot.app.createSignIn());
  const response = await get('v1/alerts/open?limit=1', '', { headers: { cookie } });
  expect(await response.json()).toMatchObject({ items: [{ id: 2 }] });
  expect((await get('v1/core/audit', '', { headers: { cookie } })).status).toBe(403);
});

test('a signed-in browser runs commands as its person, but not from a page of another site', async () => {
  const cookie = await signIn(`http://127.0.0.1:${bot.app.port}`, await bot.app.createSignIn());
  const say = (key: string, headers: Record<string, string>) =>
    get('v1/commands', '', {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', 'idempotency-key': key, ...headers },
      body: JSON.stringify({ say: 'whoami' }),
    });
  expect((await say('from-elsewhere', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  const own = await say('from-here', { 'sec-fetch-site': 'same-origin' });
  expect(await own.json()).toMatchObject({
    outcome: 'ok',
    message: { text: expect.stringContaining('listed as ann') },
  });
});

test('the OpenAPI document describes requests and responses, without a token', async () => {
  const document = (await (await get('openapi.json', '')).json()) as Record<string, never>;
  expect(document).toMatchObject({
    openapi: '3.1.0',
    paths: {
      '/api/v1/alerts/one': {
        get: {
          operationId: 'alerts_one',
          parameters: [{ name: 'id', in: 'query', required: true, schema: { type: 'integer', minimum: 1 } }],
          responses: {
            200: { content: { 'application/json': { schema: { required: expect.arrayContaining(['history']) } } } },
          },
        },
      },
    },
  });
  expect(Object.keys(document['paths'] ?? {})).toEqual(
    expect.arrayContaining(['/api/v1/core/audit', '/api/v1/coffee/history']),
  );
});
