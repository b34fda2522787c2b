import { createClock, type Clock } from '../clock.ts';
import type { Refusal } from './intake.ts';
import { RefusedWebhooks } from './rejected-webhooks.ts';

const MINUTE_MS = 60_000;
let nowMs = 0;
const clockAt = (ms: () => number): Clock => ({ ...createClock(), now: () => new Date(ms()), monotonic: ms });
let refusals: RefusedWebhooks;
beforeEach(() => {
  nowMs = 0;
  refusals = new RefusedWebhooks(clockAt(() => nowMs));
});

const wrongToken: Refusal = {
  name: 'alertmanager',
  source: 'prod',
  path: '/webhooks/alertmanager/prod',
  status: 401,
  reason: 'wrong token',
  sentence: 'the token is wrong',
  sender: undefined,
};
const told = (more: Partial<Refusal> = {}, sources = ['prod', 'test']): string | undefined =>
  refusals.notice({ ...wrongToken, ...more }, sources)?.text;

test('a wrong token is told in words that hold whoever sent it', () => {
  expect(told()).toBe(
    'Somebody sent a request to `alertmanager/prod`, and it was refused: the token is wrong. If that was meant for me, compare its address and token with the configuration. This replica has accepted none from that source since it started.',
  );
});

test('it says when the source itself was last heard, by which people judge whether it is theirs', () => {
  refusals.accepted('alertmanager/prod');
  nowMs = 90 * MINUTE_MS;
  expect(told()).toMatch(/The last one accepted from that source came 1 h 30 min ago\.$/);
});

test.each([
  [
    'a token that was good before',
    { sender: { source: 'alertmanager/prod', isCurrent: false } },
    'A sender with a replaced or removed token of `alertmanager/prod` posts to `alertmanager/prod` and is refused (the token is wrong); its alerts are being lost.',
  ],
  [
    'the token of another source',
    { sender: { source: 'alertmanager/test', isCurrent: true } },
    'A sender with the token of `alertmanager/test` posts to `alertmanager/prod` and is refused (the token is wrong); its alerts are being lost.',
  ],
  [
    'the right token and a body that is none',
    { status: 400, reason: 'body', sentence: 'no JSON', sender: { source: 'alertmanager/prod', isCurrent: true } },
    '`alertmanager/prod` posts what I cannot take (no JSON); its alerts are being lost.',
  ],
  [
    'the right token at a wrong address',
    {
      ...{ name: '', source: '', status: 404, reason: 'no such webhook', sentence: 'no webhook has this address' },
      path: '/webhooks/alertmanager/prod/v2',
      sender: { source: 'alertmanager/prod', isCurrent: true },
    },
    'A sender with the token of `alertmanager/prod` posts to `/webhooks/alertmanager/prod/v2` and is refused (no webhook has this address); its alerts are being lost.',
  ],
] satisfies [string, Partial<Refusal>, string][])(
  'who shows %s is ours, and its alerts are being lost',
  (_what, more, text) => {
    expect(told(more, 'name' in more ? [] : ['prod', 'test'])).toBe(text);
  },
);

test('no request without a token of ours can say that alerts are being lost', () => {
  const reasons = [
    'no such webhook',
    'no such source',
    'not posted',
    'no token',
    'wrong token',
    'token unreadable',
  ] as const;
  for (const reason of reasons) {
    refusals = new RefusedWebhooks(clockAt(() => 0));
    const text = told({ reason });
    expect(text).toBeDefined();
    expect(text).not.toMatch(/lost/);
  }
});

test('an address is shown as far as it is harmless', () => {
  const stray = { name: '', source: '', reason: 'no such webhook' } as const;
  expect(told({ ...stray, status: 404, path: '/webhooks/alertmanger/prod' })).toContain('`/webhooks/alertmanger/prod`');
  expect(told({ ...stray, status: 405, path: undefined })).toContain('an address below `/webhooks/`');
});

test('an unknown source is told with those that are configured', () => {
  expect(told({ source: 'prd', reason: 'no such source', status: 503, path: '/webhooks/alertmanager/prd' })).toMatch(
    /to `\/webhooks\/alertmanager\/prd`.*Configured: `alertmanager\/prod`, `alertmanager\/test`\.$/,
  );
});

test('a sender of ours is told of every ten minutes as long as it goes on', () => {
  const sender = { source: 'alertmanager/prod', isCurrent: false };
  let count = 0;
  for (; nowMs < 61 * MINUTE_MS; nowMs += MINUTE_MS) if (told({ sender }) !== undefined) count++;
  expect(count).toBe(7);
});

test('a stranger who goes on is told of less and less often, and from the start after a quiet time', () => {
  const at: number[] = [];
  for (; nowMs < 24 * 60 * MINUTE_MS; nowMs += MINUTE_MS) if (told() !== undefined) at.push(nowMs / MINUTE_MS);
  expect(at).toEqual([0, 10, 30, 70, 150, 310, 630, 990, 1350]);
  nowMs += 13 * 60 * MINUTE_MS;
  expect(refusals.notice(wrongToken, ['prod'])).toMatchObject({ everyMs: 10 * MINUTE_MS });
});

test('strangers cause five notices in ten minutes, whatever they ask for, and never keep one of ours from being said', () => {
  const sources = Array.from({ length: 50 }, (_, index) => `s${index}`);
  const texts = sources.map((source) => told({ source }, sources)).filter((text) => text !== undefined);
  expect(texts).toHaveLength(5);
  expect(told({ source: 's49', sender: { source: 'alertmanager/s49', isCurrent: false } }, sources)).toContain('lost');
});

test('what names a sender makes up costs no notice each', () => {
  const abouts = new Set<string | undefined>();
  for (let count = 0; count < 100; count++) {
    const made = { source: `made-up-${count}`, path: `/webhooks/alertmanager/made-up-${count}` };
    abouts.add(refusals.notice({ ...wrongToken, ...made, reason: 'no such source', status: 503 }, ['prod'])?.about);
    abouts.add(
      refusals.notice({ ...wrongToken, ...made, name: '', reason: 'no such webhook', status: 404 }, [])?.about,
    );
  }
  expect([...abouts].filter((about) => about !== undefined)).toEqual([
    'webhook:alertmanager:unknown source:503',
    'webhook:address:404',
  ]);
});

test('what could not be stored is repeated by its sender and needs nobody', () => {
  expect(told({ reason: 'not stored', status: 503 })).toBeUndefined();
});
