import fc from 'fast-check';
import { readNotification, refuse } from './payload.ts';
import { samplePayload } from './sample.ts';
import { clean, fill, fillUrl, oneLine } from './text.ts';

const one = (alert: unknown) => readNotification({ status: 'firing', alerts: [alert] });

test('what is no notification is refused in a sentence, and a sample is not', () => {
  expect(refuse([])).toMatch(/not a JSON object/);
  expect(refuse({ version: '1', alerts: [] })).toMatch(/version "1" of a webhook/);
  expect(refuse({ version: '4' })).toMatch(/no list "alerts"/);
  expect(refuse(samplePayload())).toBeUndefined();
});

test('times that are zero, missing or nonsense are none', () => {
  for (const startsAt of ['0001-01-01T00:00:00Z', 'yesterday', 12, undefined, '99999-01-01T00:00:00Z', null])
    expect(one({ labels: {}, startsAt }).reports[0]?.startsAt).toBeNull();
  expect(one({ labels: {}, startsAt: '2026-01-05T14:31:00.123456789+01:00' }).reports[0]?.startsAt).toEqual(
    new Date('2026-01-05T13:31:00.123Z'),
  );
});

test('the receiver comes as a quoted regular expression and is read back', () => {
  expect(readNotification({ receiver: 'team\\-a/b\\.c', alerts: [] }).receiver).toBe('team-a/b.c');
});

test('without a fingerprint equal labels have an equal one, in any order', () => {
  const [a] = one({ labels: { x: '1', y: '2' } }).reports;
  const [b] = one({ labels: { y: '2', x: '1' } }).reports;
  expect(a?.fingerprint).toBe(b?.fingerprint);
  expect(one({ labels: { x: '1' } }).reports[0]?.fingerprint).not.toBe(a?.fingerprint);
});

test('labels of the source fill in and do not replace', () => {
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

test('a label may be called like something of Object', () => {
  const [report] = one(JSON.parse('{"labels":{"__proto__":"a","constructor":"b"}}')).reports;
  expect(Object.entries(report?.labels ?? {})).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
});

test('the same fingerprint twice in a body is one alert; firing wins, and so does the earlier start', () => {
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

test('any JSON whatever is read without an exception, into text that Postgres takes', () => {
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

test('long values are cut to a bound, between characters', () => {
  expect(clean('x'.repeat(100_000), 4096)).toHaveLength(4096);
  expect(clean('😀'.repeat(3000), 4096).isWellFormed()).toBe(true);
  expect(clean('a\u0000b\u202ec\ud800\n', 10)).toBe('abc\ufffd\n');
  expect(oneLine('  a\n\n b  ', 10)).toBe('a b');
});

test('a template without its labels leaves no stray separators', () => {
  expect(fill('{cluster}/{namespace}', { cluster: 'prod', namespace: 'pay' })).toBe('prod/pay');
  expect(fill('{cluster}/{namespace}', { cluster: 'prod' })).toBe('prod');
  expect(fill('{cluster}/{namespace}', { namespace: 'pay' })).toBe('pay');
  expect(fill('{a}/{b}/{c}', { a: 'x', c: 'z' })).toBe('x/z');
  expect(fill('{constructor}', {})).toBe('');
});

test('values in links are encoded, and a link with a missing label or another scheme is none', () => {
  expect(fillUrl('https://g.example/?ns={ns}', { ns: 'a b&c=d#<' })).toBe('https://g.example/?ns=a%20b%26c%3Dd%23%3C');
  expect(fillUrl('https://g.example/?ns={ns}', {})).toBeUndefined();
  expect(fillUrl('{ns}://x', { ns: 'javascript' })).toBeUndefined();
});
