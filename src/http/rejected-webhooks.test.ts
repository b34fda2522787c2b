import { createClock, type Clock } from '../clock.ts';
import type { Rejection } from './intake.ts';
import { RejectedWebhooks } from './rejected-webhooks.ts';

const MINUTE_MS = 60_000;
let nowMs = 0;
const clockAt = (ms: () => number): Clock => ({ ...createClock(), now: () => new Date(ms()), monotonic: ms });
let rejections: RejectedWebhooks;
beforeEach(() => {
  nowMs = 0;
  rejections = new RejectedWebhooks(clockAt(() => nowMs));
});

const wrongToken: Rejection = {
  name: 'alertmanager',
  source: 'prod',
  path: '/webhooks/alertmanager/prod',
  status: 401,
  reason: 'wrong token',
  sentence: 'the token is wrong',
  sender: undefined,
};
const textOf = (more: Partial<Rejection> = {}, sources = ['prod', 'test']): string | undefined =>
  rejections.notice({ ...wrongToken, ...more }, sources)?.text;

test('a wrong token is reported in words that are true for any sender', () => {
  expect(textOf()).toBe(
    'A request to `alertmanager/prod` was rejected: the token is wrong. If it was meant for me, compare its address and token with the configuration. This replica has accepted no request from that source since it started.',
  );
});

test('the notice gives the time of the last accepted request, so that people can tell whether it is theirs', () => {
  rejections.accepted('alertmanager/prod');
  nowMs = 90 * MINUTE_MS;
  expect(textOf()).toMatch(/The last request accepted from that source arrived 1 h 30 min ago\.$/);
});

test.each([
  [
    'a token that was valid before',
    { sender: { source: 'alertmanager/prod', isCurrent: false } },
    'A sender with a replaced or removed token of `alertmanager/prod` posts to `alertmanager/prod` and is rejected (the token is wrong); its alerts are being lost.',
  ],
  [
    'the token of another source',
    { sender: { source: 'alertmanager/test', isCurrent: true } },
    'A sender with the token of `alertmanager/test` posts to `alertmanager/prod` and is rejected (the token is wrong); its alerts are being lost.',
  ],
  [
    'the right token and an invalid body',
    { status: 400, reason: 'body', sentence: 'no JSON', sender: { source: 'alertmanager/prod', isCurrent: true } },
    '`alertmanager/prod` posts requests that I cannot accept (no JSON); its alerts are being lost.',
  ],
  [
    'the right token at a wrong address',
    {
      ...{ name: '', source: '', status: 404, reason: 'no such webhook', sentence: 'no webhook has this address' },
      path: '/webhooks/alertmanager/prod/v2',
      sender: { source: 'alertmanager/prod', isCurrent: true },
    },
    'A sender with the token of `alertmanager/prod` posts to `/webhooks/alertmanager/prod/v2` and is rejected (no webhook has this address); its alerts are being lost.',
  ],
] satisfies [string, Partial<Rejection>, string][])(
  'a sender with %s is one of ours, and its alerts are being lost',
  (_what, more, text) => {
    expect(textOf(more, 'name' in more ? [] : ['prod', 'test'])).toBe(text);
  },
);

test('a request without one of our tokens never causes a report of lost alerts', () => {
  const reasons = [
    'no such webhook',
    'no such source',
    'not posted',
    'no token',
    'wrong token',
    'token unreadable',
  ] as const;
  for (const reason of reasons) {
    rejections = new RejectedWebhooks(clockAt(() => 0));
    const text = textOf({ reason });
    expect(text).toBeDefined();
    expect(text).not.toMatch(/lost/);
  }
});

test('an address is shown only if it is harmless', () => {
  const stray = { name: '', source: '', reason: 'no such webhook' } as const;
  expect(textOf({ ...stray, status: 404, path: '/webhooks/alertmanger/prod' })).toContain(
    '`/webhooks/alertmanger/prod`',
  );
  expect(textOf({ ...stray, status: 405, path: undefined })).toContain('an address below `/webhooks/`');
});

test('an unknown source is reported with the configured ones', () => {
  expect(textOf({ source: 'prd', reason: 'no such source', status: 503, path: '/webhooks/alertmanager/prd' })).toMatch(
    /to `\/webhooks\/alertmanager\/prd`.*Configured: `alertmanager\/prod`, `alertmanager\/test`\.$/,
  );
});

test('a sender of ours is reported every ten minutes as long as it continues', () => {
  const sender = { source: 'alertmanager/prod', isCurrent: false };
  let count = 0;
  for (; nowMs < 61 * MINUTE_MS; nowMs += MINUTE_MS) if (textOf({ sender }) !== undefined) count++;
  expect(count).toBe(7);
});

test('a persistent unknown sender is reported less and less often, until it has been quiet for a while', () => {
  const at: number[] = [];
  for (; nowMs < 24 * 60 * MINUTE_MS; nowMs += MINUTE_MS) if (textOf() !== undefined) at.push(nowMs / MINUTE_MS);
  expect(at).toEqual([0, 10, 30, 70, 150, 310, 630, 990, 1350]);
  nowMs += 13 * 60 * MINUTE_MS;
  expect(rejections.notice(wrongToken, ['prod'])).toMatchObject({ everyMs: 10 * MINUTE_MS });
});

test('unknown senders cause at most five notices in ten minutes, and never suppress one about our senders', () => {
  const sources = Array.from({ length: 50 }, (_, index) => `s${index}`);
  const texts = sources.map((source) => textOf({ source }, sources)).filter((text) => text !== undefined);
  expect(texts).toHaveLength(5);
  expect(textOf({ source: 's49', sender: { source: 'alertmanager/s49', isCurrent: false } }, sources)).toContain(
    'lost',
  );
});

test('made-up names do not cause a notice each', () => {
  const abouts = new Set<string | undefined>();
  for (let count = 0; count < 100; count++) {
    const made = { source: `made-up-${count}`, path: `/webhooks/alertmanager/made-up-${count}` };
    abouts.add(rejections.notice({ ...wrongToken, ...made, reason: 'no such source', status: 503 }, ['prod'])?.about);
    abouts.add(
      rejections.notice({ ...wrongToken, ...made, name: '', reason: 'no such webhook', status: 404 }, [])?.about,
    );
  }
  expect([...abouts].filter((about) => about !== undefined)).toEqual([
    'webhook:alertmanager:unknown source:503',
    'webhook:address:404',
  ]);
});

test('a request that could not be stored causes no notice, because its sender repeats it', () => {
  expect(textOf({ reason: 'not stored', status: 503 })).toBeUndefined();
});
