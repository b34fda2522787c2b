import fc from 'fast-check';

/** Fragments that have broken a parser, a renderer or a regular expression; repeated, they reveal quadratic behaviour. */
const FRAGMENTS = [
  ...[
    '"',
    "'",
    '\\',
    '[',
    ']',
    '{',
    '}',
    '{}',
    '[]',
    '(',
    ')',
    '<',
    '>',
    '- ',
    '-',
    '&a ',
    '*a ',
    '!a ',
    '? ',
    ': ',
    ', ',
    '#',
    '%',
    '|',
  ],
  ...[
    '*',
    '_',
    '~',
    '`',
    '```',
    '![',
    '](',
    '<b>',
    '&',
    '&lt;',
    '<!--',
    '@room',
    '@\u061croom',
    '<!here>',
    'https://',
    'mailto:',
    '//',
    '/',
  ],
  ...[
    '\n',
    '\r',
    '\t',
    ' ',
    '\u00a0',
    '\0',
    '\u001b[31m',
    '\u200b',
    '\u202e',
    '\u061c',
    '\ufe0f',
    '\ud800',
    '\udfff',
    '🔴',
    'é',
    'İ',
    'ß',
    '٣',
  ],
  ...[
    'ack ',
    'ack 1 ',
    '12 ',
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
    '!',
    'watchbell: ',
    '@watchbell ',
    '{cluster}',
    '${X}',
    '__proto__',
    'constructor',
  ],
  ...['a', 'ab', 'key: ', 'a:\n', '"a":', '1,', '{},', '- |\n', '---\n', '...', '..', '%2e', '%'],
];

const repeated = (most: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...FRAGMENTS), fc.integer({ min: 1, max: most }))
    .map(([fragment, count]) => fragment.repeat(Math.max(1, Math.floor(count / fragment.length))));

/** External text: short and odd, built from fragments, or one fragment a thousand times. */
export const hostileText = (most = 20_000): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    { weight: 3, arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 30 }).map((parts) => parts.join('')) },
    { weight: 2, arbitrary: repeated(most) },
    { weight: 2, arbitrary: fc.array(repeated(most / 10), { maxLength: 6 }).map((parts) => parts.join('')) },
  );

const value = fc.oneof(
  { weight: 4, arbitrary: hostileText(6000) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('firing', 'resolved', '4', '2026-01-05T10:00:00Z', '0001-01-01T00:00:00Z', 'critical'),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const pairs = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.dictionary(
      fc.oneof(fc.constantFrom('cluster', 'namespace', 'pod', 'summary', 'alertname', 'severity'), hostileText(300)),
      value,
      { maxKeys: 8 },
    ),
  },
  { weight: 1, arbitrary: value },
);
const alert = fc.record(
  {
    status: value,
    labels: pairs,
    annotations: pairs,
    startsAt: value,
    endsAt: value,
    generatorURL: value,
    fingerprint: value,
  },
  { requiredKeys: [] },
);

/** A webhook body similar to an Alertmanager notification. */
export const body = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record(
        {
          version: fc.oneof({ weight: 5, arbitrary: fc.constant('4') }, { weight: 1, arbitrary: value }),
          status: value,
          alerts: fc.oneof(
            {
              weight: 6,
              arbitrary: fc.array(fc.oneof({ weight: 5, arbitrary: alert }, { weight: 1, arbitrary: value }), {
                maxLength: 4,
              }),
            },
            { weight: 1, arbitrary: value },
          ),
          groupKey: value,
          groupLabels: pairs,
          receiver: value,
          truncatedAlerts: value,
        },
        { requiredKeys: ['version', 'alerts'] },
      )
      .map((notification) => JSON.stringify(notification)),
  },
  { weight: 1, arbitrary: hostileText(60_000) },
  { weight: 1, arbitrary: fc.jsonValue().map((one) => JSON.stringify(one)) },
);

/** A configuration file: known keys with odd values, or not YAML at all. */
export const configuration = fc.oneof(
  hostileText(16_000),
  fc
    .dictionary(
      fc.constantFrom(
        'name',
        'connectors',
        'rooms',
        'people',
        'access',
        'skills',
        'schedules',
        'http',
        'database',
        'timeZone',
      ),
      fc.oneof(fc.jsonValue({ maxDepth: 4 }), hostileText(2000)),
      { maxKeys: 6 },
    )
    .map((one) => JSON.stringify(one)),
  fc
    .array(fc.tuple(fc.constantFrom('name', 'rooms', 'skills', 'people', '- x', '  a'), hostileText(500)), {
      maxLength: 8,
    })
    .map((lines) => lines.map(([key, text]) => `${key}: ${text}`).join('\n')),
);

/** Bytes that a client may send on a connection, similar to HTTP. */
export const request = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'X'),
    path: fc.oneof(
      fc.constantFrom(
        '/',
        '/webhooks/alertmanager/prod',
        '/webhooks/alertmanager/',
        '/webhooks//alertmanager//prod/',
        '/webhooks/',
        '/webhooks/x/y/z',
        '/%',
        '/?%',
        '/assets/../../etc/passwd',
        '/readyz',
        '//',
        '/webhooks/alertmanager/..%2f',
      ),
      hostileText(3000).map((text) => `/${encodeURI(text.toWellFormed())}`),
      hostileText(300).map((text) => `/webhooks/${text.replace(/[\s\0]/g, '')}`),
    ),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom(
          'authorization',
          'content-type',
          'content-encoding',
          'host',
          'cookie',
          'expect',
          'x-forwarded-for',
          'accept',
          'content-length',
          'transfer-encoding',
          'origin',
          'if-none-match',
          'range',
        ),
        fc.oneof(
          fc.constantFrom(
            'Bearer secret',
            'Basic OnNlY3JldA==',
            'Bearer',
            'Basic %',
            'gzip',
            'identity',
            'application/json',
            '100-continue',
            'chunked',
            '0',
            '-1',
            '5',
            'bytes=0-',
          ),
          hostileText(2000),
        ),
      ),
      { maxLength: 6 },
    ),
    body: hostileText(2000),
  })
  .map(({ method, path, headers, body: content }) => {
    const lines = headers.map(([name, text]) => `${name}: ${text.replace(/[\r\n]/g, ' ')}`);
    const hasHost = headers.some(([name]) => name === 'host');
    return `${method} ${path} HTTP/1.1\r\n${[...(hasHost ? [] : ['host: bell']), ...lines, 'connection: close'].join('\r\n')}\r\n\r\n${content}`;
  });
