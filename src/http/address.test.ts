import fc from 'fast-check';
import { localTarget, shownPath, webhookAddress } from './address.ts';

test.each([
  '/webhooks/alertmanager/prod-eu',
  '/webhooks/alertmanager/prod-eu/',
  '/webhooks//alertmanager///prod-eu//',
  '//webhooks/alertmanager/prod-eu',
  '/webhooks/alertmanager/prod-eu?x=/y',
  'http://bell:8080/webhooks/alertmanager/prod-eu',
  '/bell/webhooks/alertmanager/prod-eu',
  '/bell//webhooks/alertmanager/prod-eu',
  '//bell/webhooks/alertmanager/prod-eu/',
  '/webhooks/alertmanager/prod%2Deu',
])('%s is the same address, below /bell or not', (target) => {
  const local = localTarget(target, '/bell');
  expect(local).toMatch(/^\/webhooks\b/);
  expect(webhookAddress(local)).toEqual({ name: 'alertmanager', source: 'prod-eu' });
});

test.each(['/webhooks/alertmanager', '/webhooks/alertmanager/', '/webhooks//alertmanager//?a=b'])(
  '%s means the source "default"',
  (target) => expect(webhookAddress(target)).toEqual({ name: 'alertmanager', source: 'default' }),
);

test('a source may have a name in any script, as in the configuration', () => {
  expect(webhookAddress('/webhooks/alertmanager/b%C3%BCro')).toEqual({ name: 'alertmanager', source: 'büro' });
});

test.each([
  ['/webhooks/', '/webhooks'],
  ['/webhooks', '/webhooks'],
  ['/webhooks/alertmanager/prod/v2', '/webhooks/alertmanager/prod/v2'],
  ['/webhooks/..%2f..%2fetc', undefined],
  ['/webhooks/[x](http://e.io)', undefined],
  ['/webhooks/a%60b', undefined],
  ['/webhooks/%ff', undefined],
  ['/webhooks/@room', undefined],
])('%s is not a webhook, and is shown as %s', (target, shown) => {
  expect(webhookAddress(target)).toBeUndefined();
  expect(shownPath(target)).toBe(shown);
});

test.each([
  ['/bell', '/'],
  ['/bell?a=b', '/?a=b'],
  ['/bell/', '/'],
  ['/bell/web/session?x', '/web/session?x'],
  ['/bellhop', '/bellhop'],
  ['/web/session', '/web/session'],
])('below /bell %s is %s', (target, local) => expect(localTarget(target, '/bell')).toBe(local));

test('any request target is parsed without an exception, and none of it becomes markup', () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '/webhooks/',
    'bell',
    '%',
    '%2f',
    '..',
    '`',
    '@',
    '?',
    '\u00ff',
    'a',
    'http://x',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const local = localTarget(pieces.join(''), '/bell');
      if (!local.startsWith('/webhooks')) return;
      webhookAddress(local);
      expect(shownPath(local) ?? '').toMatch(/^[\p{L}\p{N}/._~-]{0,200}$/u);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});
