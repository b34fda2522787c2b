import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { createLogger } from '../log.ts';
import { startTestServer, until } from '../http/testing-server.ts';
import { MemoryWebChat } from './memory-web-chat.ts';
import { createWebPages } from './pages.ts';

async function start(password?: () => Promise<string>) {
  const chat = new MemoryWebChat();
  const pages = createWebPages({ chat, log: createLogger({ level: 'silent' }), ...(password && { password }) });
  const running = await startTestServer({ pages: [pages] });
  return { ...running, chat };
}
type Running = Awaited<ReturnType<typeof start>>;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** `fetch` does not let a test choose its Host. */
function ask(
  running: Running,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
  localAddress = '127.0.0.1',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port: running.server.port, host: '127.0.0.1', localAddress, method, path, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    asked.on('error', reject).end(body);
  });
}

const JSON_BODY = { 'Content-Type': 'application/json' };
const say = (text: string, id = randomUUID()): string => JSON.stringify({ id, text });

async function follow(running: Running, room: string) {
  const leaving = new AbortController();
  const response = await fetch(`${running.url}/web/rooms/${room}/stream`, { signal: leaving.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    leave: () => leaving.abort(),
    async readUntil(wanted: RegExp): Promise<void> {
      while (!wanted.test(text)) {
        const chunk = await reader?.read();
        if (!chunk || chunk.done) throw new Error(`the stream ended before ${wanted}: ${text}`);
        text += chunk.value;
      }
    },
  };
}

describe('without a password', () => {
  let running: Running;
  beforeEach(async () => (running = await start()));
  afterEach(() => running.end());

  test('this machine is let in, under each of its own names', async () => {
    for (const Host of ['localhost:8080', '127.0.0.1', '[::1]:8080', 'bell.localhost'])
      expect(await ask(running, 'GET', '/', { Host })).toMatchObject({ status: 200 });
  });

  test.each([
    ['a name that was made to point here', { Host: 'attacker.example.org' }],
    ['a name that only begins like this machine', { Host: 'localhost.example.org' }],
    ['a proxy on this machine', { Host: 'localhost', 'X-Forwarded-For': '203.0.113.9' }],
    ['one that does not say for whom', { Host: 'localhost', 'X-Forwarded-Proto': 'http' }],
    ['a proxy of a mesh', { Host: 'localhost', 'X-Envoy-Decorator-Operation': 'bell:8080/*' }],
    ['another one', { Host: 'localhost', 'l5d-client-id': 'default.default' }],
  ])('%s is refused with a sentence, pages and data alike', async (_what, headers) => {
    const page = await ask(running, 'GET', '/', headers);
    expect(page.status).toBe(403);
    expect(page.text).toContain('set a password (connectors.web.password)');
    for (const path of ['/web/session', '/web/rooms/ops/stream'])
      expect(await ask(running, 'GET', path, headers)).toMatchObject({ status: 403 });
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', { ...headers, ...JSON_BODY }, say('help'))).toMatchObject(
      { status: 403 },
    );
    expect(running.chat.sent).toEqual([]);
  });

  test("what comes from another of this machine's own addresses, as from Istio's proxy beside the bot, is refused", async () => {
    expect(await ask(running, 'GET', '/', { Host: 'localhost' }, '', '127.0.0.6')).toMatchObject({ status: 403 });
  });

  test('what a page of another site sends is refused', async () => {
    const path = '/web/rooms/ops/lines';
    const base = { Host: 'localhost:8080', ...JSON_BODY };
    const others: Record<string, string>[] = [
      { Origin: 'https://evil.example.org' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ];
    for (const more of others)
      expect(await ask(running, 'POST', path, { ...base, ...more }, say('help'))).toMatchObject({ status: 403 });
    expect(
      await ask(running, 'POST', path, { Host: 'localhost:8080', 'Content-Type': 'text/plain' }, say('help')),
    ).toMatchObject({ status: 400 });
    expect(running.chat.sent).toEqual([]);
    expect(await ask(running, 'POST', path, { ...base, Origin: 'http://localhost:8080' }, say('help'))).toMatchObject({
      status: 200,
    });
  });

  test('a line is said by the local user, and a repeat under the same id counts once', async () => {
    const body = say('ack 12');
    await ask(running, 'POST', '/web/rooms/ops/lines', JSON_BODY, body);
    await ask(running, 'POST', '/web/rooms/ops/lines', JSON_BODY, body);
    expect(running.chat.sent).toMatchObject([{ text: 'ack 12', sender: { accountId: 'local', guest: false } }]);
  });

  test('bad bodies and unknown rooms get a sentence', async () => {
    const post = (path: string, body: string) => ask(running, 'POST', path, JSON_BODY, body);
    expect(await post('/web/rooms/ops/lines', '{')).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', '{"id":"1","text":"x"}')).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', say('  '))).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', say('x'.repeat(100_000)))).toMatchObject({ status: 413 });
    expect(await post('/web/rooms/nowhere/lines', say('help'))).toMatchObject({ status: 404 });
    expect(await post('/web/rooms/%E0%A4%A/lines', say('help'))).toMatchObject({ status: 400 });
  });

  test('a database that is away is 503, for the page to try again', async () => {
    running.chat.before = () => {
      throw new Error('away');
    };
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', JSON_BODY, say('help'))).toMatchObject({ status: 503 });
    expect(await ask(running, 'GET', '/web/rooms/ops/stream')).toMatchObject({ status: 503 });
    expect(running.chat.subscribers('ops')).toBe(0);
  });

  test('a stream begins with the room whole, goes on with changes, and is forgotten when the reader leaves', async () => {
    running.chat.show('ops', 'm1', 'one');
    const stream = await follow(running, 'ops');
    await stream.readUntil(/event: room\ndata: \[\{"id":"m1".*\]\n\n/);
    running.chat.show('ops', 'm1', 'one, changed');
    await stream.readUntil(/event: changed\ndata: \[\{"id":"m1".*one, changed.*\]\n\n/);
    stream.leave();
    await until('nobody is subscribed', () => running.chat.subscribers('ops') === 0);
  });

  test('a change between subscribing and reading the history is not missed', async () => {
    running.chat.before = () => queueMicrotask(() => running.chat.show('ops', 'm1', 'in between'));
    const stream = await follow(running, 'ops');
    await stream.readUntil(/in between/);
    stream.leave();
  });

  test('an open stream does not hold up the end of the server', async () => {
    const response = await fetch(`${running.url}/web/rooms/ops/stream`);
    const began = performance.now();
    await running.server.drain({ acceptForMs: 0, boundMs: 20_000 });
    await response.body?.cancel();
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('the page may load nothing but its own files, and every module it names is there', async () => {
    const page = await ask(running, 'GET', '/');
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'self' 'sha256-[^']+';/);
    expect(page.text).not.toMatch(/ on\w+=|style=|https?:\/\//);
    const { imports } = JSON.parse(/<script type="importmap">(.*?)<\/script>/.exec(page.text)?.[1] ?? '{}') as {
      imports: Record<string, string>;
    };
    const seen = new Set<string>();
    const visit = async (address: string): Promise<void> => {
      if (seen.has(address)) return;
      seen.add(address);
      const module = await ask(running, 'GET', address);
      expect([address, module.status, module.headers['content-type']]).toEqual([
        address,
        200,
        'text/javascript; charset=utf-8',
      ]);
      for (const [, name = ''] of module.text.matchAll(/(?:from|import)\s*["']([^"']+)["']/g))
        await visit(
          name.startsWith('.') ? new URL(name, `http://x${address}`).pathname : (imports[name] ?? `missing:${name}`),
        );
    };
    await visit('/assets/src/web/page/main.ts');
    expect(seen.size).toBeGreaterThan(10);
    expect(await ask(running, 'GET', '/assets/src/web/pages.ts')).toMatchObject({ status: 404 });
    expect(await ask(running, 'GET', '/assets/../pages.ts')).toMatchObject({ status: 404 });
  });
});

describe('with a password', () => {
  let running: Running;
  const headers = {
    Host: 'bell.example.org',
    Origin: 'https://bell.example.org',
    'Content-Type': 'application/x-www-form-urlencoded',
  };
  beforeEach(async () => (running = await start(async () => 'open sesame')));
  afterEach(() => running.end());

  test('everybody is asked for it, this machine too, and nothing is told before', async () => {
    expect(await ask(running, 'GET', '/', { Host: 'localhost' })).toMatchObject({
      status: 401,
      text: expect.stringContaining('Sign in'),
    });
    for (const path of ['/web/session', '/web/rooms/ops/stream'])
      expect(await ask(running, 'GET', path)).toMatchObject({ status: 401 });
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', JSON_BODY, say('help'))).toMatchObject({ status: 401 });
    expect(running.chat.sent).toEqual([]);
  });

  test('the right one opens the page with a cookie that scripts and other sites cannot use', async () => {
    const wrong = await ask(running, 'POST', '/login', headers, 'password=guess');
    expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
    const right = await ask(
      running,
      'POST',
      '/login',
      { ...headers, 'X-Forwarded-Proto': 'https' },
      'password=open+sesame',
    );
    const cookie = String(right.headers['set-cookie']);
    expect([right.status, right.headers['location']]).toEqual([303, '/']);
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/']) expect(cookie).toContain(attribute);
    const Cookie = cookie.split(';')[0] ?? '';
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({
      status: 200,
      text: expect.stringContaining('main.ts'),
    });
    expect(await ask(running, 'GET', '/web/session', { Cookie })).toMatchObject({ status: 200 });
    expect(await ask(running, 'GET', '/web/session', { Cookie: `${Cookie}x` })).toMatchObject({ status: 401 });
  });

  test('another site can neither sign in nor speak with the cookie', async () => {
    const login = await ask(
      running,
      'POST',
      '/login',
      { ...headers, Origin: 'https://evil.example.org' },
      'password=open+sesame',
    );
    expect(login.status).toBe(403);
    const Cookie =
      String((await ask(running, 'POST', '/login', headers, 'password=open+sesame')).headers['set-cookie']).split(
        ';',
      )[0] ?? '';
    const line = await ask(
      running,
      'POST',
      '/web/rooms/ops/lines',
      { ...JSON_BODY, Cookie, Host: 'bell.example.org', Origin: 'https://evil.example.org' },
      say('x'),
    );
    expect(line.status).toBe(403);
  });

  test('guessing is slowed down', async () => {
    for (let count = 0; count < 5; count++) await ask(running, 'POST', '/login', headers, 'password=guess');
    expect(await ask(running, 'POST', '/login', headers, 'password=open+sesame')).toMatchObject({ status: 429 });
  });
});
