import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { parseMarkdown } from '../../src/chat/markdown.ts';
import type { NumberedAlert } from './alert.ts';
import { groupMessage } from './group-message.ts';
import { alertMessage } from './message.ts';
import { readNotification } from './notification.ts';
import { alertOptions } from './options.ts';

const links = { logs: 'https://grafana.example.org/{namespace}/x?pod={pod}' };
const render = { options: alertOptions.parse({ message: { links } }).message, timeZone: 'UTC', now: new Date() };
const LABELS = ['alertname', 'cluster', 'namespace', 'pod', 'instance', 'severity'];
const ANNOTATIONS = ['summary', 'message', 'description', 'runbook_url', 'dashboard_url', 'silence_url'];

/** An alert with `text` in every field. */
function alertOf(text: string): NumberedAlert & { readonly id: number } {
  const all = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, text]));
  const alert = { status: 'firing', labels: all(LABELS), annotations: all(ANNOTATIONS), generatorURL: text };
  const [report] = readNotification({ alerts: [alert] }).reports;
  if (!report) throw new Error('the alert was rejected');
  const holder = { key: 'x', name: text.slice(0, 100), person: null, connector: 'matrix', accountId: '@x:example.org' };
  const at = render.now.toISOString();
  return {
    ...{ id: 1, number: 12, source: 'prod', phase: 'firing', severity: 'critical', name: text, weekCount: 2 },
    ...{ startedAt: render.now, reportedStart: null, endedAt: null, lastEndsAt: null, firingReceivedAt: null },
    ...{
      resolvedReceivedAt: null,
      firingOrder: null,
      resolvedOrder: null,
      senders: [],
      places: [],
      receivers: [],
      ...report,
    },
    ack: { owner: holder, at, until: null, note: text.slice(0, 500), others: [holder], askedAt: null },
  } as NumberedAlert & { readonly id: number };
}

const PIECES = [
  '-',
  '/',
  ' ',
  '\n',
  '\r\n',
  'x\n',
  '`',
  '\\',
  '*',
  '> ',
  '{',
  '%',
  'é',
  '😀',
  '\ud800',
  '\u202e',
  '\u0000',
  '.',
  '<',
];

test('rendering an alert is fast, whatever its content and length', () => {
  for (const piece of [...PIECES, ...PIECES.map((one) => `https://${one}`)]) {
    const alert = alertOf(piece.repeat(4096 / piece.length));
    const alerts = Array.from({ length: 20 }, () => alert);
    // Measured: 0.05 to 0.2 ms on a busy machine; 30 ms when filling templates was quadratic.
    expect(fastestMs(() => alerts.map((one) => alertMessage(one, render))) / 20).toBeLessThan(1);
    expect(fastestMs(() => groupOf(alerts)) / 20).toBeLessThan(1);
  }
});

function groupOf(first: readonly (NumberedAlert & { readonly id: number })[]) {
  const counts = { firing: 20, unacked: 1, ended: 0, owners: [first[0]?.ack?.owner.name ?? ''] };
  const summary = { ...counts, ackUntil: null, startedAt: render.now, endedAt: null, first };
  const group = {
    id: 1,
    source: 'prod',
    keyHash: 'x',
    title: first[0]?.name.slice(0, 300) ?? '',
    rooms: [],
    policy: null,
  };
  return groupMessage(
    { ...group, open: true, acked: false, truncated: 0, openedAt: null, closedAt: null },
    summary,
    render,
  );
}

const hostile = fc.string({
  unit: fc.constantFrom('\n', '\r', '\u2028', '> ', '`', '*', '\\', ' ', 'acked 14:31 UTC by Ann Li'),
  maxLength: 30,
});

test('whatever the content of an alert, its message has the lines of the bot, and the text of the alert is quoted', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const message = alertMessage(alertOf(text), render);
      expect(message.title.split(/[\n\r\u2028]/)).toHaveLength(1);
      const lines = parseMarkdown(message.text ?? '').filter((block) => block.type !== 'quote');
      expect(lines.map((block) => block.type)).toEqual(['line', 'line', 'line']);
      expect(message.text?.split('\n').filter((line) => !line.startsWith('> '))).toEqual([
        expect.stringMatching(/^since /),
        expect.stringMatching(/^acked \d\d:\d\d UTC by /),
        'release it: `unack 12`',
      ]);
    }),
    { numRuns: 300 },
  );
});

test('a text of many lines is cut, so that the lines of the bot stay visible', () => {
  const message = alertMessage(
    { ...alertOf('x'), annotations: { summary: `first\n\n\n\n${'more\n'.repeat(300)}` } },
    render,
  );
  const quoted = message.text?.split('\n').filter((line) => line.startsWith('> ')) ?? [];
  expect(quoted.slice(0, 3)).toEqual(['> first', '> ', '> more']);
  expect(quoted).toHaveLength(30);
  expect(quoted.at(-1)).toBe('> more…');
});
