import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { readNotification } from './notification.ts';
import { alertOptions } from './options.ts';
import { reject } from './payload.ts';
import { samplePayload } from './sample.ts';
import { clean, fill, fillUrl, oneLine } from './text.ts';

const one = (alert: unknown) => readNotification({ status: 'firing', alerts: [alert] });

test('a body that is no notification is rejected with a sentence, a sample is accepted', () => {
  expect(reject([])).toMatch(/not a JSON object/);
  expect(reject({ version: '3', alerts: [] })).toMatch(/version "3" of a webhook/);
  expect(reject({ version: '4' })).toMatch(/no list "alerts"/);
  expect(reject(samplePayload())).toBeUndefined();
});

/** A body of Grafana 11. */
const grafana = {
  receiver: 'watchbell',
  status: 'firing',
  orgId: 1,
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'High memory usage', grafana_folder: 'ops', team: 'blue' },
      annotations: { summary: 'This alert was triggered for zone us-1' },
      startsAt: '2026-01-05T14:31:00.157076+01:00',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'https://grafana.example.org/alerting/grafana/1afz29v7z/view?orgId=1',
      fingerprint: 'c6eadffa33fcdf37',
      silenceURL: 'https://grafana.example.org/alerting/silence/new?alertmanager=grafana&matcher=team%3Dblue&orgId=1',
      dashboardURL: 'https://grafana.example.org/d/abcd?from=1767616260000&orgId=1&to=1767619860000',
      panelURL: 'https://grafana.example.org/d/abcd?from=1767616260000&orgId=1&to=1767619860000&viewPanel=7',
      values: { B: 44.2, C: 1 },
      valueString: "[ var='B' labels={} value=44.2 ]",
      imageURL: 'https://grafana.example.org/image.png',
    },
  ],
  groupLabels: { alertname: 'High memory usage' },
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'https://grafana.example.org/',
  version: '1',
  groupKey: '{}:{alertname="High memory usage"}',
  truncatedAlerts: 0,
  title: '[FIRING:1] High memory usage',
  state: 'alerting',
  message: '**Firing**',
};

test('a body of Grafana is accepted, with its dashboard and silence links', () => {
  expect(reject(grafana)).toBeUndefined();
  const [report] = readNotification(grafana).reports;
  expect(report).toMatchObject({
    fingerprint: 'c6eadffa33fcdf37',
    status: 'firing',
    startsAt: new Date('2026-01-05T13:31:00.157Z'),
    endsAt: null,
    generatorUrl: 'https://grafana.example.org/alerting/grafana/1afz29v7z/view?orgId=1',
  });
  expect({ ...report?.annotations }).toEqual({
    summary: 'This alert was triggered for zone us-1',
    // Its end moves with each repeat, which must not look like a change.
    dashboard_url: 'https://grafana.example.org/d/abcd?from=1767616260000&orgId=1&viewPanel=7',
    silence_url: 'https://grafana.example.org/alerting/silence/new?alertmanager=grafana&matcher=team%3Dblue&orgId=1',
  });
});

test('empty links of Grafana are left out, and annotations take precedence over links', () => {
  const [alert] = grafana.alerts;
  const empty = one({ ...alert, annotations: {}, silenceURL: '', dashboardURL: '', panelURL: '' }).reports[0];
  expect(empty?.annotations).toEqual({});
  const own = one({ ...alert, annotations: { dashboard_url: 'https://own.example.org/' } }).reports[0];
  expect(own?.annotations['dashboard_url']).toBe('https://own.example.org/');
});

test('zero, missing and invalid times are null', () => {
  for (const startsAt of ['0001-01-01T00:00:00Z', 'yesterday', 12, undefined, '99999-01-01T00:00:00Z', null])
    expect(one({ labels: {}, startsAt }).reports[0]?.startsAt).toBeNull();
  expect(one({ labels: {}, startsAt: '2026-01-05T14:31:00.123456789+01:00' }).reports[0]?.startsAt).toEqual(
    new Date('2026-01-05T13:31:00.123Z'),
  );
});

test('the receiver, sent as a quoted regular expression, is unquoted', () => {
  expect(readNotification({ receiver: 'team\\-a/b\\.c', alerts: [] }).receiver).toBe('team-a/b.c');
});

test('without a fingerprint, equal labels in any order have an equal one', () => {
  const [a] = one({ labels: { x: '1', y: '2' } }).reports;
  const [b] = one({ labels: { y: '2', x: '1' } }).reports;
  expect(a?.fingerprint).toBe(b?.fingerprint);
  expect(one({ labels: { x: '1' } }).reports[0]?.fingerprint).not.toBe(a?.fingerprint);
});

test('labels of the source are added and replace none', () => {
  const read = readNotification(
    {
      alerts: [
        { status: 'firing', labels: { cluster: 'own' } },
        { status: 'firing', labels: { a: 'b' } },
      ],
    },
    { cluster: 'prod' },
  );
  expect(read.reports.map((report) => report.labels['cluster'])).toEqual(['own', 'prod']);
});

test('a label may have the name of a property of Object', () => {
  const [report] = one(JSON.parse('{"labels":{"__proto__":"a","constructor":"b"}}')).reports;
  expect(Object.entries(report?.labels ?? {})).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
});

test('the same fingerprint twice in a body is one alert; firing and the earlier start win', () => {
  const at = (status: string, startsAt: string) => ({ status, startsAt, labels: { a: 'b' }, fingerprint: 'f' });
  const { reports } = readNotification({
    alerts: [
      at('firing', '2026-01-01T00:00:05Z'),
      at('resolved', '2026-01-01T00:00:01Z'),
      at('firing', '2026-01-01T00:00:03Z'),
    ],
  });
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatchObject({ status: 'firing', startsAt: new Date('2026-01-01T00:00:03Z') });
});

test('any JSON is read without an exception, into text that Postgres accepts', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', '\u0000', '__proto__', 'constructor'),
  );
  const alert = fc.oneof(
    fc.jsonValue(),
    fc.record({
      status: fc.constantFrom('firing', 'resolved', 7),
      labels: fc.oneof(fc.dictionary(hostile, hostile), fc.jsonValue()),
      annotations: fc.jsonValue(),
      startsAt: fc.jsonValue(),
      fingerprint: fc.jsonValue(),
    }),
  );
  fc.assert(
    fc.property(fc.array(alert), fc.oneof(fc.jsonValue(), fc.constant({ toString: 0 })), (alerts, rest) => {
      const read = readNotification({
        status: 'firing',
        alerts,
        receiver: rest,
        groupKey: rest,
        groupLabels: rest,
        truncatedAlerts: rest,
      });
      expect(read.reports.length + read.problems.length).toBeLessThanOrEqual(alerts.length);
      const text = JSON.stringify([
        read.receiver,
        read.groupLabels,
        read.reports.map((report) => [
          report.fingerprint,
          Object.entries(report.labels),
          Object.entries(report.annotations),
        ]),
      ]);
      expect(text).not.toMatch(/\\u0000|\\ud[89ab]../i);
      expect(text.isWellFormed()).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('long values are cut between characters', () => {
  expect(clean('x'.repeat(100_000), 4096)).toHaveLength(4096);
  expect(clean('😀'.repeat(3000), 4096).isWellFormed()).toBe(true);
  expect(clean('a\u0000b\u202ec\ud800\n', 10)).toBe('abc\ufffd\n');
  expect(oneLine('  a\n\n b  ', 10)).toBe('a b');
});

test('missing labels leave no stray separators in a template', () => {
  expect(fill('{cluster}/{namespace}', { cluster: 'prod', namespace: 'pay' })).toBe('prod/pay');
  expect(fill('{cluster}/{namespace}', { cluster: 'prod' })).toBe('prod');
  expect(fill('{cluster}/{namespace}', { namespace: 'pay' })).toBe('pay');
  expect(fill('{a}/{b}/{c}', { a: 'x', c: 'z' })).toBe('x/z');
  expect(fill('{constructor}', {})).toBe('');
});

test('a template is filled in linear time with labels of any length and content', () => {
  const filled = (piece: string, times: number): number => {
    const labels = { cluster: piece.repeat(times), namespace: '/'.repeat(times) };
    return fastestMs(() => Array.from({ length: 20 }, () => fill('{cluster}/{namespace}', labels)));
  };
  for (const piece of ['-', '/', ' ', '·', '\u0000', '- /', 'a', '😀'])
    // With four times the text: factor 4 when linear, 16 when quadratic; text that is cut off costs nothing.
    expect(filled(piece, 4096)).toBeLessThan(8 * Math.max(filled(piece, 1024), 2));
});

test('separators inside a label are kept, also when another label is missing', () => {
  expect(fill('{cluster}/{namespace}', { cluster: 'prod-' })).toBe('prod-');
  expect(fill('{cluster}/{namespace}', { namespace: '/pay' })).toBe('/pay');
  expect(fill('{a}', { a: '😀'.repeat(200) }).isWellFormed()).toBe(true);
});

test('a label can change neither the host nor the parent path of a link', () => {
  for (const namespace of ['..', '.'])
    for (const template of [
      'https://g.example/d/{namespace}/x',
      'https://g.example/{namespace}',
      'https://g.example/d\\{namespace}',
    ])
      expect(fillUrl(template, { namespace })).toBeUndefined();
  expect(fillUrl('https://g.example/.{ns}', { ns: '.' })).toBeUndefined();
  expect(fillUrl('https://g.example/a/../{ns}?x={ns}#{ns}', { ns: 'a..b' })).toBe('https://g.example/a..b?x=a..b#a..b');
  expect(fillUrl('https://g.example/?ns={ns}', { ns: '..' })).toBe('https://g.example/?ns=..');
  expect(fillUrl('https://g.example/{ns}', { ns: '../../evil' })).toBe('https://g.example/..%2F..%2Fevil');
});

test('a link with a label in its host, or that is no address, is rejected by the configuration', () => {
  const links = (logs: string) => alertOptions.safeParse({ message: { links: { logs } } }).error?.issues[0]?.message;
  for (const url of [
    'https://grafana-{pod}',
    'https://grafana-{pod}/x',
    'https://{pod}@g.example/',
    'https://g.example:{port}/',
    'https://{host}',
  ])
    expect(links(url)).toMatch(/has a label in its host/);
  for (const url of ['{url}', '//g.example/{ns}', 'javascript:{ns}', 'g.example/{ns}', 'htt{p}://g.example/', ''])
    expect(links(url)).toMatch(/is not an address like/);
  for (const url of [
    'https://g.example',
    'https://g.example?x={ns}',
    'http://g.example:3000/{ns}',
    'https://g.example#{ns}',
  ])
    expect(links(url)).toBeUndefined();
});

test('values in links are encoded, and a link with a missing label or another scheme is left out', () => {
  expect(fillUrl('https://g.example/?ns={ns}', { ns: 'a b&c=d#<' })).toBe('https://g.example/?ns=a%20b%26c%3Dd%23%3C');
  expect(fillUrl('https://g.example/?ns={ns}', {})).toBeUndefined();
  expect(fillUrl('{ns}://x', { ns: 'javascript' })).toBeUndefined();
});
