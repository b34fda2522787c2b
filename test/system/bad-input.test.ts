import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import alerts from '../../skills/alerts/index.ts';
import { samplePayload } from '../../skills/alerts/sample.ts';
import { sendContent } from '../../src/connectors/matrix/content.ts';
import { RateLimited } from '../../src/connectors/connector.ts';
import { renderMatrix } from '../../src/connectors/matrix/render.ts';
import type { MatrixBody } from '../../src/connectors/matrix/body.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const probe = defineSkill({
  name: 'probe',
  commands: {
    ping: { help: 'answers', run: () => 'pong' },
    'count {n:int}': { help: 'counts', run: ({ args }) => `counted ${args.n}` },
  },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [alerts, probe],
    migrations: { alerts: join(import.meta.dirname, '../../skills/alerts/migrations') },
    options: {
      alerts: {
        sources: { prod: { tokens: [{ file: 'token' }] }, other: { tokens: [{ file: 'token' }] } },
        route: { rooms: ['lobby'] },
        message: { labels: ['pod', 'instance'], links: { logs: 'https://logs.example.org/?q={pod}' } },
      },
    },
    config: {
      http: { maxBody: '8MiB' },
      connectors: { memory: { opsRoom: 'ops' } },
      rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { memory: 'ops' } } },
    },
    secrets: { token: 'secret' },
  });
});
afterAll(() => bot.stop());
/** Checks that nothing failed internally, and that the bot responds. */
afterEach(async () => {
  expect(await bot.query('select message from errors')).toEqual([]);
  expect(await bot.query(`select id, payload from events where state = 'failed'`)).toEqual([]);
  expect(await bot.say('ping')).toEqual(['pong']);
}, 60_000);

const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager/prod`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret', ...headers },
    body,
  });

/** One line for people that starts like a log sentence. */
async function sentenceOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as { title: string; status: number };
  expect(problem.status).toBe(response.status);
  expect(problem.title).toMatch(/^[^\n]{10,200}$/);
  return problem.title;
}

const sample = (labels: Record<string, string>, more: object = {}): object => {
  const body = samplePayload({ labels: { pod: randomUUID(), ...labels } });
  const [alert] = body['alerts'] as object[];
  return { ...body, alerts: [{ ...alert, ...more }] };
};

test.each([
  ['no content', '', 400, /empty/],
  ['white space', ' \n ', 400, /empty/],
  ['truncated JSON', '{"version":"4","alerts":[', 400, /not JSON: Unexpected end/],
  ['text instead of JSON', 'alert! <b>now</b>', 400, /not JSON/],
  ['a list', '[]', 400, /not a JSON object/],
  ['null', 'null', 400, /not a JSON object/],
  ['a number', '42', 400, /not a JSON object/],
  ['no alerts', '{"version":"4"}', 400, /no list "alerts"/],
  ['alerts that are not a list', '{"version":"4","alerts":{"0":{}}}', 400, /no list "alerts"/],
  ['another version', '{"version":"5<img>","alerts":[]}', 400, /version/],
  ['65 levels', `{"version":"4","alerts":[${'['.repeat(70)}${']'.repeat(70)}]}`, 400, /deeper than 64/],
  ['a million open brackets', '['.repeat(1_000_000), 400, /deeper than 64/],
  ['more than the limit', `{"version":"4","alerts":[],"x":"${'x'.repeat(9 * 1024 * 1024)}"}`, 413, /larger than 8 MiB/],
])('a body with %s gets its status and one sentence', async (_, body, status, sentence) => {
  const response = await send(body);
  expect(response.status).toBe(status);
  expect(await sentenceOf(response)).toMatch(sentence);
});

test('a compressed body is inflated up to the limit', async () => {
  const bomb = await send(new Uint8Array(gzipSync(Buffer.alloc(64 * 1024 * 1024, 32))), { 'content-encoding': 'gzip' });
  expect(bomb.status).toBe(413);
  const broken = await send('no gzip', { 'content-encoding': 'gzip' });
  expect([broken.status, await sentenceOf(broken)]).toEqual([400, expect.stringContaining('gzip')]);
  const unknown = await send('{}', { 'content-encoding': 'br' });
  expect([unknown.status, await sentenceOf(unknown)]).toEqual([415, expect.stringContaining('gzip')]);
});

test('of good and bad alerts in one body, the good ones are shown, and one message reports the bad ones', async () => {
  const good = samplePayload({ name: 'StillShown', labels: { pod: 'good' } });
  const bad = [
    null,
    7,
    'text',
    [],
    {},
    { labels: 'x' },
    { labels: {}, status: 'maybe' },
    { labels: { a: {} }, status: [] },
  ];
  const before = bot.texts().length;
  const response = await bot.webhook(
    'alertmanager/prod',
    { ...good, alerts: [...bad, ...(good['alerts'] as [])] },
    'secret',
  );
  expect(response.status).toBe(200);
  const shown = bot.texts().slice(before);
  expect(shown.filter((text) => text.includes('StillShown'))).toHaveLength(1);
  expect(shown).toHaveLength(2);
});

test.each([
  ['100 kB in a label', sample({ alertname: 'LongLabel', instance: 'x'.repeat(100_000) })],
  ['100 kB in the name', sample({ alertname: 'y'.repeat(100_000) })],
  ['100 kB in the name of a label', sample({ ['z'.repeat(100_000)]: 'z' })],
  ['NUL', sample({ alertname: 'Nul\u0000Name', instance: '\u0000', ['\u0000']: '\u0000' })],
  ['lone surrogates', sample({ alertname: 'Lone\ud800Name', instance: '\udfff', ['\ud800']: '\ud800' })],
  ['control characters', sample({ alertname: '\u001b[31mRed\u0007', instance: '\r\n\t\u0085' })],
  ['names of objects', sample({ ['__proto__']: 'x', constructor: 'y', toString: 'z', hasOwnProperty: 'w' })],
  ['invalid times', sample({}, { startsAt: '-271821-04-20T00:00:00Z', endsAt: {} })],
  ['a time out of range', sample({}, { startsAt: '9999999-01-01T00:00:00Z' })],
  ['a fingerprint with NUL', sample({}, { fingerprint: '\u0000\ud800' })],
  ['no labels at all', sample({}, { labels: {} })],
  ['a thousand labels', sample(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`l${n}`, 'v'])))],
])('an alert with %s is shown like any other', async (_, body) => {
  const before = bot.messages().length;
  expect((await bot.webhook('alertmanager/prod', body, 'secret')).status).toBe(200);
  const shown = bot.messages().slice(before);
  expect(shown).toHaveLength(1);
  for (const { message } of shown) {
    // oxlint-disable-next-line no-control-regex -- these must not appear
    expect(JSON.stringify(message)).not.toMatch(/\\u00(?!0[9a])[01]|\\ud[89a-f]/);
    expect(message.title?.length).toBeLessThan(250);
    expect(JSON.stringify(message).length).toBeLessThan(10_000);
  }
});

const HOSTILE: readonly [string, string][] = [
  ['HTML', '<img src=x onerror=alert(1)><script>alert(1)</script></font></a>'],
  ['entities', '&lt;b&gt; &#60;b&#62;'],
  ['a mention of the room', '@room @here @everyone <!channel> <@U012AB3CD> <@&1>'],
  ['marks', '**bold** _italic_ `code` ~~gone~~ ||hidden|| # heading'],
  ['a link', '[click](https://evil.example) ![x](https://evil.example/x.png)'],
  ['a script link', '[click](javascript:alert(1)) <javascript:alert(1)>'],
  ['escaped marks', '\\**bold**\\ \\\\[click](https://evil.example)'],
  ['a fence', '```\n[click](https://evil.example)\n```'],
  ['a forged line', 'x\n🟢 RESOLVED after 1 min, Ann · all is well\n\nreply `close 1`'],
  ['a reversed direction', '\u202egnihtyna\u202c \u2066x\u2069'],
  ['placeholders', '{pod} {cluster} $& $1 %s {{ template }}'],
];

test.each(HOSTILE)('external text with %s is shown unchanged and is never markup', async (_, text) => {
  const before = bot.messages().length;
  const body = sample(
    { alertname: text, namespace: text, cluster: text, instance: text, severity: text },
    { annotations: { summary: text, runbook_url: 'javascript:alert(1)', dashboard_url: text }, generatorURL: text },
  );
  expect((await bot.webhook('alertmanager/prod', body, 'secret')).status).toBe(200);
  const [shown] = bot.messages().slice(before);
  if (!shown) throw new Error('nothing is shown');
  // The title is one line, whatever the name of the alert.
  expect(shown.message.title).not.toContain('\n');
  expect(shown.message.title).toMatch(/^🟡 WARNING /);
  const html = htmlOf(shown.message);
  const tags = [...html.matchAll(/<\/?([a-zA-Z!][^\s>]*)/g)].map((tag) => tag[1] ?? '');
  expect(tags.filter((tag) => !['font', 'strong', 'br', 'a', 'code', 'blockquote'].includes(tag))).toEqual([]);
  expect(html.match(/<(\w+)(?: data-mx-color="#\w+"| href="https:\/\/logs\.example\.org\/[^"<>]*")?>/g)?.length).toBe(
    html.match(/<\w/g)?.length,
  );
  expect(html).not.toMatch(/<em>|[\u202a-\u202e\u2066-\u2069]/);
  // The text of the alert is quoted, and nothing else looks like one of our lines.
  const ours = html.replace(/<blockquote>.*?<\/blockquote>/s, '\n').split(/<br>|\n/);
  expect(ours.slice(1).map((line) => /^(since |reply |<a href)/.test(line))).toEqual(ours.slice(1).map(() => true));
  // The only code is our own hint.
  expect([...html.matchAll(/<code>(.*?)<\/code>/g)].map((code) => code[1])).toEqual([
    expect.stringMatching(/^ack \d+$/),
  ]);
});

test('text of a rejected request is not markup in the ops room either', async () => {
  const response = await bot.webhook('alertmanager/other', { version: '[x](http://e.io)', alerts: [] }, 'secret');
  expect(response.status).toBe(400);
  const notice = () => bot.messages('ops').find(({ message }) => message.text?.includes('alertmanager/other'))?.message;
  while (!notice()) await new Promise((resolve) => setTimeout(resolve, 10));
  const [part] = renderMatrix(notice() ?? {}, { ring: true });
  expect(JSON.stringify(part?.body['html'])).not.toContain('href');
  expect(part?.body['text']).toContain('its alerts are being lost');
});

/** Renders for Matrix, and checks that nobody is mentioned. */
function htmlOf(message: Parameters<typeof renderMatrix>[0]): string {
  const [part] = renderMatrix(message, { ring: true });
  if (!part) throw new Error('nothing was rendered');
  const content = sendContent(part.body as MatrixBody, undefined, undefined);
  expect(content['m.mentions']).toEqual({});
  expect(String(content['body'])).not.toMatch(/@room/i);
  expect(String(content['formatted_body'])).not.toMatch(/@room/i);
  return String(content['formatted_body']);
}

function hear(text: string, more: { name?: string; mentionsBot?: boolean; direct?: boolean; by?: string } = {}): void {
  bot.platform.happen({
    type: 'message',
    id: randomUUID(),
    room: 'lobby',
    direct: more.direct ?? false,
    sender: { accountId: more.by ?? '@ann:test', name: more.name ?? 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
    text,
    mentionsBot: more.mentionsBot ?? false,
  });
}

/** The replies to a line. */
async function answers(...said: Parameters<typeof hear>): Promise<readonly (typeof shown)[number][]> {
  const before = bot.messages().length;
  hear(...said);
  await bot.settle();
  const shown = bot.messages().slice(before);
  return shown;
}

test.each(HOSTILE)('%s in a chat line, or in the name of its sender, is never markup in the reply', async (_, text) => {
  for (const said of [`help ${text}`, `alert ${text}`, `count ${text}`, `ack ${text}`, `why ${text}`, text, 'whoami']) {
    for (const { message } of await answers(said, { mentionsBot: true, name: text, by: '@stranger:test' })) {
      const html = htmlOf({ ...message, text: message.text ?? '' });
      if (html === 'undefined') continue; // only plain text
      const tags = [...html.matchAll(/<\/?([a-zA-Z!][^\s>]*)/g)].map((tag) => tag[1] ?? '');
      expect(tags.filter((tag) => !['strong', 'br', 'code'].includes(tag))).toEqual([]);
    }
  }
});

test.each([
  ['100 kB of one letter', `watchbell: ${'a'.repeat(100_000)}`],
  ['100 kB of words', `watchbell: ${'ack '.repeat(25_000)}`],
  ['100 kB of ids', `watchbell: ack ${'1 '.repeat(50_000)}`],
  ['100 kB of lines', `${'\n'.repeat(100_000)}watchbell: ping`],
  ['NUL', 'watchbell: count \u0000\u0000'],
  ['lone surrogates', 'watchbell: count \ud800'],
  ['nothing but the name', 'watchbell'],
])('a line with %s gets at most one reply', async (_, text) => {
  expect((await answers(text)).length).toBeLessThanOrEqual(1);
});

test('a command is answered even if the name of the sender cannot be stored unchanged', async () => {
  const [answer] = await answers('!ping', { name: 'A\u0000nn \ud800', by: '@odd:test' });
  expect(answer?.message.text).toBe('pong');
});

test('10,000 alerts in one body are accepted, and a person gets a reply before all are shown', async () => {
  const list = Array.from({ length: 10_000 }, (_, n) => ({
    status: 'firing',
    labels: { alertname: 'Flood', severity: 'info', pod: `flood-${n}` },
    startsAt: new Date().toISOString(),
  }));
  // Its room is rate-limited, like a real one.
  const open = bot.platform.before;
  bot.platform.before = (operation) => {
    if (operation.type === 'send' && JSON.stringify(operation.part).includes('Flood'))
      throw new RateLimited('account', 100);
  };
  expect((await send(JSON.stringify({ version: '4', groupKey: 'flood', alerts: list }))).status).toBe(200);
  while ((await bot.query(`select 1 from alerts where labels->>'alertname' = 'Flood' offset 9999`)).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  hear('!count 77');
  while (!bot.texts().includes('counted 77')) await new Promise((resolve) => setTimeout(resolve, 20));
  // Again, for a digest that was created meanwhile.
  const drop = `update messages set state = 'dropped' where state = 'live' and pending returning 1`;
  await until(async () => (await bot.query(drop)).length === 0);
  bot.platform.before = open;
}, 120_000);

const odd = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('firing', 'resolved', 'alerts', '\u0000', '\ud800', '<b>', '@room', '') },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const pairs = fc.oneof(fc.dictionary(fc.string({ unit: 'binary', maxLength: 10 }), odd, { maxKeys: 4 }), odd);
const alert = fc.record(
  {
    status: fc.oneof(fc.constant('firing'), odd),
    labels: pairs,
    annotations: pairs,
    startsAt: odd,
    endsAt: odd,
    generatorURL: odd,
    fingerprint: odd,
  },
  { requiredKeys: [] },
);
const notification = fc.record(
  {
    version: fc.oneof(fc.constant('4'), odd),
    alerts: fc.oneof(fc.array(fc.oneof(alert, odd), { maxLength: 4 }), odd),
    groupKey: odd,
    groupLabels: pairs,
    status: odd,
    receiver: odd,
    truncatedAlerts: odd,
  },
  { requiredKeys: [] },
);

test('any posted body is accepted, or rejected with one sentence', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        notification.map((value) => JSON.stringify(value)),
        fc.jsonValue().map((value) => JSON.stringify(value)),
        fc.string({ unit: 'binary' }),
      ),
      async (body) => {
        const response = await send(body);
        expect([200, 400]).toContain(response.status);
        if (response.status === 400) await sentenceOf(response);
        else await response.text();
      },
    ),
    { numRuns: 150 },
  );
  await bot.settle();
}, 60_000);

test('a person with an odd name can acknowledge an alert', async () => {
  await send(JSON.stringify(sample({ namespace: 'odd' })));
  await bot.settle();
  const [alert] = await bot.query<{ number: number }>(`select number from alerts where labels->>'namespace' = 'odd'`);
  hear(`ack ${alert?.number}`, { name: 'N\u0000u\ud83dl @room', by: '@odd:test', direct: true });
  await bot.settle();
  expect(bot.messages().some(({ message }) => message.title?.includes('ACKED by N\ufffdu\ufffdl'))).toBe(true);
});

test('no line causes a failure or a mention', async () => {
  const words = fc.oneof(
    fc.constantFrom(
      'ack',
      'ack12',
      'alert',
      'help',
      'count',
      'ping',
      'why',
      'for',
      '2h',
      '#12.',
      '12,13',
      '@room',
      '\n',
      '\u0000',
    ),
    fc.string({ unit: 'binary', maxLength: 30 }),
  );
  const before = bot.messages().length;
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 8 }),
      fc.boolean(),
      fc.string({ unit: 'binary', maxLength: 10 }),
      (said, direct, name) => {
        hear(said.join(' '), { mentionsBot: !direct, direct, name, by: '@stranger:test' });
      },
    ),
    { numRuns: 150 },
  );
  await bot.settle();
  for (const { message } of bot.messages().slice(before)) htmlOf(message);
}, 60_000);
