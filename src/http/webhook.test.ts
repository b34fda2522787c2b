import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { startTestServer, until } from './testing-server.ts';

let running: Awaited<ReturnType<typeof startTestServer>>;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.end());

const BEARER = { Authorization: 'Bearer secret' };

async function post(path: string, body: BodyInit, headers: Record<string, string> = BEARER) {
  const response = await fetch(running.url + path, { method: 'POST', body, headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    title: (JSON.parse(text) as { title?: string }).title,
  };
}

/** A connection for raw HTTP. */
function open(text: string | Buffer): { socket: Socket; received: () => string; closed: () => boolean } {
  const socket = connect(running.server.port, '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (chunk) => (received += chunk.toString()));
  socket.on('error', () => {});
  socket.on('close', () => (closed = true));
  socket.write(text);
  return { socket, received: () => received, closed: () => closed };
}

async function counted(source: string, code: string): Promise<number> {
  const { values } = await running.metrics.webhookRequests.get();
  return values.find(({ labels }) => labels.source === source && labels.code === code)?.value ?? 0;
}

test('a body is stored unchanged, and only then answered with 200', async () => {
  let commit: (() => void) | undefined;
  running.intake.store = () => new Promise<void>((resolve) => (commit = resolve));
  let answered = false;
  const body = '{ "version": "4",\n"alerts": [] }';
  const answer = post('/webhooks/alertmanager/prod', body).finally(() => (answered = true));
  await until('the body is being stored', () => commit !== undefined);
  expect(answered).toBe(false);
  commit?.();
  expect(await answer).toMatchObject({ status: 200, text: '{}' });
  expect(running.intake.accepted).toEqual([body]);
  expect(await counted('alertmanager/prod', '200')).toBe(1);
});

test('the remote address is that of the connection, in the same form for an IPv6 listener, whatever the headers claim', async () => {
  const both = await startTestServer({ host: '' });
  try {
    for (const { url } of [running, both])
      await fetch(`${url}/webhooks/alertmanager/prod`, {
        ...{ method: 'POST', body: '{}' },
        headers: { ...BEARER, 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=203.0.113.9' },
      });
    expect([running.intake.addresses, both.intake.addresses]).toEqual([['127.0.0.1'], ['127.0.0.1']]);
  } finally {
    await both.end();
  }
});

test('any of several tokens is accepted, as Bearer or as the password of Basic', async () => {
  running.intake.tokens = ['old', 'new:with:colons'];
  const basic = `Basic ${Buffer.from('anyone:new:with:colons').toString('base64')}`;
  for (const Authorization of ['Bearer old', 'bearer new:with:colons', basic])
    expect(await post('/webhooks/alertmanager/prod', '{}', { Authorization })).toMatchObject({ status: 200 });
});

test.each([
  ['nothing', {}],
  ['another token', { Authorization: 'Bearer secrets' }],
  ['an empty token', { Authorization: 'Bearer ' }],
  ['another scheme', { Authorization: 'Digest secret' }],
  ['Basic without a password', { Authorization: `Basic ${Buffer.from('secret').toString('base64')}` }],
])('%s instead of the token is 401, reported and counted, and nothing is stored', async (_what, headers) => {
  const answer = await post('/webhooks/alertmanager/prod', '{}', headers as Record<string, string>);
  expect(answer.status).toBe(401);
  expect(answer.title).toMatch(/token/);
  expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  expect(running.intake.accepted).toEqual([]);
  expect(running.intake.rejections).toMatchObject([{ source: 'prod', status: 401 }]);
  expect(await counted('alertmanager/prod', '401')).toBe(1);
});

test('a source with an empty secret rejects everyone', async () => {
  running.intake.tokens = [''];
  expect(await post('/webhooks/alertmanager/prod', '{}', { Authorization: 'Basic Og==' })).toMatchObject({
    status: 401,
  });
});

test('an unknown webhook is 404; an unknown source is 503, so that the sender retries', async () => {
  expect(await post('/webhooks/nagios', '{}')).toMatchObject({ status: 404 });
  const answer = await post('/webhooks/alertmanager/staging', '{}');
  expect(answer).toMatchObject({ status: 503, title: expect.stringContaining('does not know source staging yet') });
  expect(answer.headers.get('retry-after')).toBe('10');
  expect(await post('/webhooks/alertmanager', '{}')).toMatchObject({
    title: expect.stringContaining('source default'),
  });
  expect(await post('/webhooks/alertmanager/prod/more', '{}')).toMatchObject({ status: 404 });
  expect(await post('/webhooks/%2e%2e/x', '{}')).toMatchObject({ status: 404 });
  expect(await counted('other', '503')).toBe(2);
});

test('extra slashes and a configured base path are ignored', async () => {
  for (const path of ['/webhooks/alertmanager/prod/', '//webhooks//alertmanager///prod//'])
    expect(await post(path, '{}')).toMatchObject({ status: 200 });
  const below = await startTestServer({ basePath: '/bell' });
  const statusOf = async (path: string): Promise<number> =>
    (await fetch(below.url + path, { method: 'POST', body: '{}', headers: BEARER, redirect: 'manual' })).status;
  try {
    expect(await statusOf('/bell/webhooks/alertmanager/prod')).toBe(200);
    // Through the Service inside the cluster, or an ingress that strips the prefix.
    expect(await statusOf('/webhooks/alertmanager/prod')).toBe(200);
    expect(await statusOf('/bells/webhooks/alertmanager/prod')).toBe(404);
  } finally {
    await below.end();
  }
});

test('other requests below /webhooks/ are counted and reported, with the address and the owner of the token', async () => {
  await post('/webhooks/alertmanager/prod/v2', '{}');
  await post('/webhooks/', '{}', { Authorization: 'Bearer guess' });
  await post('/webhooks/%60@room%60', '{}', {});
  await fetch(`${running.url}/webhooks/alertmanager/prod`);
  await until('all are reported', () => running.intake.rejections.length === 4);
  expect(running.intake.rejections).toMatchObject([
    {
      ...{ status: 404, reason: 'no such webhook', path: '/webhooks/alertmanager/prod/v2' },
      sender: { source: 'alertmanager/prod', isCurrent: true },
    },
    { status: 404, path: '/webhooks', sender: undefined },
    { status: 404, path: undefined, sender: undefined },
    { status: 405, reason: 'not posted', path: '/webhooks/alertmanager/prod', sender: undefined },
  ]);
  expect([await counted('other', '404'), await counted('other', '405')]).toEqual([3, 1]);
});

test('a revoked token is rejected within a second, and its sender is recognised', async () => {
  running.intake.tokens = ['leaked', 'fresh'];
  expect(await post('/webhooks/alertmanager/prod', '{}', { Authorization: 'Bearer leaked' })).toMatchObject({
    status: 200,
  });
  running.intake.tokens = ['', 'fresh'];
  await until('it is rejected', async () => {
    const { status } = await post('/webhooks/alertmanager/prod', '{}', { Authorization: 'Bearer leaked' });
    return status === 401;
  });
  expect(running.intake.rejections).toMatchObject([{ sender: { source: 'alertmanager/prod', isCurrent: false } }]);
  expect(await post('/webhooks/alertmanager/prod', '{}', { Authorization: 'Bearer fresh' })).toMatchObject({
    status: 200,
  });
});

test('another method is 405', async () => {
  const response = await fetch(`${running.url}/webhooks/alertmanager/prod`, { headers: BEARER });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
});

test('invalid JSON, or a body that the skill rejects, is 400 with one sentence', async () => {
  const { text } = await post('/webhooks/alertmanager/prod', '{"a": secret}');
  const title = 'the body is not JSON: Unexpected token';
  const detail = `Unexpected token 's', "{"a": secret}" is not valid JSON`;
  expect(JSON.parse(text)).toEqual({ type: 'about:blank', status: 400, title, detail });
  await until('the rejection is reported', () => running.intake.rejections.length > 0);
  expect(running.intake.rejections).toEqual([expect.objectContaining({ sentence: title })]);
  expect(JSON.stringify([running.intake.rejections, running.written])).not.toContain('secret}');
  expect(await post('/webhooks/alertmanager/prod', '[]')).toMatchObject({ status: 400, title: 'send an object' });
  expect(running.intake.accepted).toEqual([]);
});

test('gzip is accepted; inflated beyond the limit it is 413, another encoding is 415', async () => {
  const send = (body: Buffer, encoding: string) =>
    post('/webhooks/alertmanager/prod', new Uint8Array(body), { ...BEARER, 'Content-Encoding': encoding });
  expect(await send(gzipSync('{"a":1}'), 'gzip')).toMatchObject({ status: 200 });
  expect(running.intake.accepted).toEqual(['{"a":1}']);
  expect(await send(gzipSync(Buffer.alloc(50 * 1024 * 1024, ' ')), 'gzip')).toMatchObject({ status: 413 });
  expect(await send(Buffer.from('{}'), 'gzip')).toMatchObject({ status: 400 });
  expect(await send(Buffer.from('{}'), 'br')).toMatchObject({ status: 415 });
});

test('a body over the limit is 413, also without a Content-Length', async () => {
  expect(await post('/webhooks/alertmanager/prod', 'x'.repeat(1024 * 1024 + 1))).toMatchObject({
    status: 413,
    title: expect.stringContaining('larger than 1 MiB'),
  });
  const { socket, received } = open(
    'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  for (let sent = 0; sent < 20; sent++) socket.write(chunk);
  await until('413 arrives', () => received().startsWith('HTTP/1.1 413'));
  socket.destroy();
});

test('an unreachable database is 503 at once, and the sender may repeat', async () => {
  running.intake.store = () => {
    throw new Error('the database is away');
  };
  const answer = await post('/webhooks/alertmanager/prod', '{}');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  await post('/webhooks/alertmanager/prod', '{}');
  expect(running.written).toHaveLength(1);
});

test('without a token a large body is not read, and the sender still gets the 401', async () => {
  const length = 100 * 1024 * 1024;
  const { socket, received, closed } = open(
    `POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`,
  );
  const block = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const pour = (): void => {
    while (written < length && !socket.destroyed) {
      written += block.length;
      if (!socket.write(block)) return void socket.once('drain', pour);
    }
  };
  // This sender reads the response only once it is stuck: after a reset, the response would be lost by then.
  socket.pause();
  pour();
  let stuckAt = -1;
  let looks = 0;
  await until('the sender is stuck', () => {
    looks = socket.bytesWritten === stuckAt ? looks + 1 : 0;
    stuckAt = socket.bytesWritten;
    return running.intake.rejections.length === 1 && looks > 20;
  });
  socket.resume();
  await until('the connection is closed', closed);
  expect(received()).toMatch(/^HTTP\/1.1 401 .*connection: close/is);
  // Data in kernel buffers counts as written here; the program read 64 KiB of it.
  expect(socket.bytesWritten).toBeLessThan(20 * 1024 * 1024);
});

test('a sender with a wrong token that waits for "100 Continue" is rejected before it sends', async () => {
  const head = (token: string): string =>
    `POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
  const wrong = open(head('wrong'));
  await until('an answer arrives', () => wrong.received() !== '');
  expect(wrong.received()).toMatch(/^HTTP\/1.1 401/);
  const right = open(head('secret'));
  await until('it may continue', () => right.received().startsWith('HTTP/1.1 100'));
  right.socket.write('{}');
  await until('200 arrives', () => right.received().includes('HTTP/1.1 200'));
  wrong.socket.destroy();
  right.socket.destroy();
});

test('the connection stays usable after a short rejected body', async () => {
  const { socket, received } = open(
    'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}' +
      'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Length: 2\r\n\r\n{}',
  );
  await until('both are answered', () => /HTTP\/1.1 401.*HTTP\/1.1 200/s.test(received()));
  socket.destroy();
});

test('a request whose sender disconnected while the program was stalled is not stored, because it was sent elsewhere meanwhile', async () => {
  const request =
    'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: bell\r\nAuthorization: Bearer secret\r\nContent-Length: 2\r\n\r\n{}';
  const send = `for (let count = 0; count < 20; count++) {
    const socket = require('node:net').connect(${running.server.port}, '127.0.0.1');
    socket.write(${JSON.stringify(request)}, () => setTimeout(() => count % 2 ? socket.destroy() : socket.resetAndDestroy(), 2000));
  }`;
  // This process is blocked until the other one has ended: all requests and disconnects wait.
  execFileSync(process.execPath, ['-e', send]);
  expect(await post('/webhooks/alertmanager/prod', '{"later":1}')).toMatchObject({ status: 200 });
  expect(running.intake.accepted).toEqual(['{"later":1}']);
});

test('an aborted upload is dropped and the next one is served', async () => {
  for (let count = 0; count < 20; count++) {
    const { socket, closed } = open(
      'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Length: 1000\r\n\r\n{"a"',
    );
    await until('connected', () => !socket.connecting);
    socket.destroy();
    await until('closed', closed);
  }
  await until('all are counted', async () => (await counted('alertmanager/prod', '499')) === 20);
  expect(await post('/webhooks/alertmanager/prod', '{}')).toMatchObject({ status: 200 });
  expect(running.intake.accepted).toEqual(['{}']);
});

describe('signed bodies', () => {
  const signature = (body: string | Buffer, secret = 'secret'): string =>
    `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const send = (body: string, headers: Record<string, string>) => post('/webhooks/github/prod', body, headers);

  test('a signature with any of the secrets is accepted, and the requested headers are passed on', async () => {
    running.intake.tokens = ['old', 'new'];
    for (const secret of ['old', 'new'])
      expect(
        await send('{"ä":1}', {
          ...{ 'X-Hub-Signature-256': signature('{"ä":1}', secret), 'X-GitHub-Event': 'push' },
          'X-Other': 'x',
        }),
      ).toMatchObject({ status: 200 });
    expect(running.intake.accepted).toEqual(['{"ä":1}', '{"ä":1}']);
    expect(running.intake.headers[0]).toEqual({ 'x-github-event': 'push' });
    expect(await counted('github/prod', '200')).toBe(2);
  });

  test('the signature of a gzip body is that of the compressed bytes', async () => {
    const body = gzipSync('{"a":1}');
    const answer = await fetch(`${running.url}/webhooks/github/prod`, {
      ...{ method: 'POST', body: new Uint8Array(body) },
      headers: { 'X-Hub-Signature-256': signature(body), 'Content-Encoding': 'gzip' },
    });
    expect([answer.status, running.intake.accepted]).toEqual([200, ['{"a":1}']]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['no signature', {}, /a signature is missing: .* in the header x-hub-signature-256/],
    ['the token itself', BEARER, /a signature is missing/],
    ['a signature of another body', { 'X-Hub-Signature-256': signature('{ }') }, /the signature is wrong/],
    ['a signature with another secret', { 'X-Hub-Signature-256': signature('{}', 'other') }, /the signature is wrong/],
    ['a signature without its prefix', { 'X-Hub-Signature-256': signature('{}').slice(7) }, /the signature is wrong/],
    ['half a signature', { 'X-Hub-Signature-256': signature('{}').slice(0, 40) }, /the signature is wrong/],
  ])('%s is 401, reported and counted, and nothing is stored', async (_, headers, title) => {
    expect(await send('{}', headers)).toMatchObject({ status: 401, title: expect.stringMatching(title) });
    await until('it is reported', () => running.intake.rejections.length === 1);
    expect(running.intake.rejections).toMatchObject([{ name: 'github', source: 'prod', status: 401 }]);
    expect(running.intake.accepted).toEqual([]);
    expect(await counted('github/prod', '401')).toBe(1);
  });

  test('the owner of the secret that signed a rejected body is known', async () => {
    expect(await send('[]', { 'X-Hub-Signature-256': signature('[]') })).toMatchObject({ status: 400 });
    running.intake.tokens = ['next'];
    await until('the old secret is rejected', async () => {
      const { status } = await send('{}', { 'X-Hub-Signature-256': signature('{}') });
      return status === 401;
    });
    await until('both are reported', () => running.intake.rejections.length === 2);
    expect(running.intake.rejections).toMatchObject([
      { status: 400, sender: { source: 'github/prod', isCurrent: true } },
      { status: 401, sender: { source: 'github/prod', isCurrent: false } },
    ]);
  });

  test('unverified signed bodies do not block requests with a token', async () => {
    const large = await startTestServer({ maxBodyBytes: 32 * 1024 * 1024 });
    const address = (path: string): string => `${large.url}/webhooks/${path}`;
    const part = 'x'.repeat(24 * 1024 * 1024);
    const sockets: Socket[] = [];
    let answers = '';
    try {
      // Each stays incomplete, so that all are held at once; four exceed the limit.
      for (let count = 0; count < 4; count++) {
        const socket = connect(large.server.port, '127.0.0.1');
        socket.on('data', (chunk) => (answers += chunk.toString()));
        socket.on('error', () => {});
        socket.write(
          `POST /webhooks/github/prod HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=00\r\nContent-Length: ${part.length + 1}\r\n\r\n`,
        );
        socket.write(part);
        sockets.push(socket);
      }
      await until('the limit is reached', () => answers.startsWith('HTTP/1.1 503'));
      expect((await fetch(address('alertmanager/prod'), { method: 'POST', body: '{}', headers: BEARER })).status).toBe(
        200,
      );
      const oversized = await fetch(address('github/prod'), {
        ...{ method: 'POST', body: 'x'.repeat(25 * 1024 * 1024 + 1), headers: { 'X-Hub-Signature-256': 'sha256=00' } },
      });
      expect([oversized.status, ((await oversized.json()) as { title: string }).title]).toEqual([
        413,
        'the body is larger than 25 MiB: send less at once',
      ]);
    } finally {
      for (const socket of sockets) socket.destroy();
      await large.end();
    }
  });
});

test('garbage on the wire gets an answer, not a crash', async () => {
  const { received, closed } = open(Buffer.from('\u0000\u0001\u0002 not http at all\r\n\r\n'));
  await until('it is closed', closed);
  expect(received()).toMatch(/^HTTP\/1.1 400/);
  expect(await post('/webhooks/alertmanager/prod', '{}')).toMatchObject({ status: 200 });
});
