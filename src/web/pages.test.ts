import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { startTestServer, until } from '../http/testing-server.ts';
import { createLogger } from '../log.ts';
import { MemorySessionStore } from './memory-session-store.ts';
import { MemoryWebChat } from './memory-web-chat.ts';
import { createWebPages } from './pages.ts';
import { createSignIn } from './session.ts';

async function start(password?: () => Promise<string>) {
  const chat = new MemoryWebChat();
  const sessions = new MemorySessionStore();
  const log = createLogger({ level: 'silent' });
  const pages = createWebPages({ chat, sessions, log, ...(password && { password }) });
  const running = await startTestServer({ pages: [pages] });
  return { ...running, chat, sessions };
}
type Running = Awaited<ReturnType<typeof start>>;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** `fetch` does not allow setting Host. */
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

const cookieIn = (answer: Answer): string => String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '';

/** Signs in with a printed link. */
async function signIn(running: Running): Promise<string> {
  const key = await createSignIn(running.sessions, new Date());
  return cookieIn(await ask(running, 'POST', '/sign-in', JSON_BODY, JSON.stringify({ key })));
}

const JSON_BODY = { 'Content-Type': 'application/json' };
const send = (text: string, id = randomUUID()): string => JSON.stringify({ id, text });

async function follow(running: Running, room: string, cookie: string) {
  const leaving = new AbortController();
  const response = await fetch(`${running.url}/web/rooms/${room}/stream`, {
    signal: leaving.signal,
    headers: { cookie },
  });
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

  test.each([
    ['a browser on this machine', { Host: 'localhost:8080' }],
    ['a simple proxy, whose requests look like those of a browser on this machine', { Host: '127.0.0.1:8080' }],
    ['a foreign name that resolves to this machine', { Host: 'attacker.example.org' }],
    ['a proxy with X-Forwarded-For', { Host: 'localhost', 'X-Forwarded-For': '127.0.0.1' }],
  ])('%s only gets instructions to sign in', async (_what, headers) => {
    const page = await ask(running, 'GET', '/', headers);
    expect(page).toMatchObject({ status: 401, text: expect.stringContaining('npm run watchbell sign-in') });
    expect(page.text).not.toContain('main.ts');
    for (const path of ['/web/session', '/web/rooms/ops/stream', '/web/rooms/ops/lines?before=9'])
      expect(await ask(running, 'GET', path, headers)).toMatchObject({ status: 401 });
    for (const path of ['/web/rooms/ops/lines', '/web/rooms/ops/presses'])
      expect(await ask(running, 'POST', path, { ...headers, ...JSON_BODY }, send('help'))).toMatchObject({
        status: 401,
      });
    expect(await ask(running, 'POST', '/login', headers, 'password=')).toMatchObject({ status: 404 });
    expect(running.chat.sent).toEqual([]);
  });

  test('a printed link signs in one browser, once; opening its page does not use it up', async () => {
    const body = JSON.stringify({ key: await createSignIn(running.sessions, new Date()) });
    for (let previews = 0; previews < 3; previews++)
      expect(await ask(running, 'GET', '/sign-in')).toMatchObject({ status: 200 });
    const first = await ask(running, 'POST', '/sign-in', JSON_BODY, body);
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/'])
      expect(String(first.headers['set-cookie'])).toContain(attribute);
    const Cookie = cookieIn(first);
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({
      status: 200,
      text: expect.stringContaining('main.ts'),
    });
    // That browser may open the link again, but not another one.
    expect(await ask(running, 'POST', '/sign-in', { ...JSON_BODY, Cookie }, body)).toMatchObject({ status: 200 });
    const other = await ask(running, 'POST', '/sign-in', JSON_BODY, body);
    expect([other.status, other.headers['set-cookie']]).toEqual([401, undefined]);
    for (const wrong of ['', '{', '{"key":5}', JSON.stringify({ key: 'x'.repeat(32) })])
      expect((await ask(running, 'POST', '/sign-in', JSON_BODY, wrong)).status).toBeGreaterThanOrEqual(400);
  });

  test('a page of another site cannot sign a browser in', async () => {
    const body = JSON.stringify({ key: await createSignIn(running.sessions, new Date()) });
    const headers = { ...JSON_BODY, Origin: 'https://evil.example.org' };
    expect(await ask(running, 'POST', '/sign-in', headers, body)).toMatchObject({ status: 403 });
    expect(await ask(running, 'POST', '/sign-in', JSON_BODY, body)).toMatchObject({ status: 200 });
  });

  test('behind a simple https proxy, Sec-Fetch-Site identifies the origin of a request', async () => {
    const Cookie = await signIn(running);
    const headers = { Host: '127.0.0.1:8080', Origin: 'https://bell.example.org', Cookie, ...JSON_BODY };
    const path = '/web/rooms/ops/lines';
    const post = (site: string) => ask(running, 'POST', path, { ...headers, 'Sec-Fetch-Site': site }, send('help'));
    expect(await post('same-origin')).toMatchObject({ status: 200 });
    expect(await post('same-site')).toMatchObject({ status: 403 });
  });

  test("two bots on one machine do not overwrite each other's cookies", async () => {
    const other = await start();
    const [one, two] = [await signIn(running), await signIn(other)];
    expect(one.split('=')[0]).not.toBe(two.split('=')[0]);
    for (const bot of [running, other])
      expect(await ask(bot, 'GET', '/', { Cookie: `${one}; ${two}` })).toMatchObject({ status: 200 });
    await other.end();
  });

  test('signing out also invalidates copies of the cookie', async () => {
    const Cookie = await signIn(running);
    expect(await ask(running, 'POST', '/logout', { Cookie, Origin: 'https://evil.example.org' })).toMatchObject({
      status: 403,
    });
    expect(await ask(running, 'POST', '/logout', { Cookie })).toMatchObject({ status: 303 });
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({ status: 401 });
    expect(await ask(running, 'GET', '/web/session', { Cookie })).toMatchObject({ status: 401 });
  });
});

describe('signed in', () => {
  let running: Running;
  let Cookie: string;
  beforeEach(async () => {
    running = await start();
    Cookie = await signIn(running);
  });
  afterEach(() => running.end());

  test('requests from pages of other sites are rejected', async () => {
    const path = '/web/rooms/ops/lines';
    const base = { Host: 'localhost:8080', Cookie, ...JSON_BODY };
    const others: Record<string, string>[] = [
      { Origin: 'https://evil.example.org' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ];
    for (const more of others)
      expect(await ask(running, 'POST', path, { ...base, ...more }, send('help'))).toMatchObject({ status: 403 });
    expect(await ask(running, 'POST', path, { ...base, 'Content-Type': 'text/plain' }, send('help'))).toMatchObject({
      status: 400,
    });
    expect(running.chat.sent).toEqual([]);
    expect(await ask(running, 'POST', path, { ...base, Origin: 'http://localhost:8080' }, send('help'))).toMatchObject({
      status: 200,
    });
  });

  test('a line is sent as the local user, and a repeat with the same id is ignored', async () => {
    const body = send('ack 12');
    await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, body);
    await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, body);
    expect(running.chat.sent).toMatchObject([{ text: 'ack 12', sender: { accountId: 'local', guest: false } }]);
  });

  test('bad bodies and unknown rooms are rejected', async () => {
    const post = (path: string, body: string) => ask(running, 'POST', path, { Cookie, ...JSON_BODY }, body);
    expect(await post('/web/rooms/ops/lines', '{')).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', '{"id":"1","text":"x"}')).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', send('  '))).toMatchObject({ status: 400 });
    expect(await post('/web/rooms/ops/lines', send('x'.repeat(100_000)))).toMatchObject({ status: 413 });
    expect(await post('/web/rooms/nowhere/lines', send('help'))).toMatchObject({ status: 404 });
    expect(await post('/web/rooms/%E0%A4%A/lines', send('help'))).toMatchObject({ status: 400 });
  });

  test('an unreachable database is 503, and the page retries', async () => {
    running.chat.before = () => {
      throw new Error('away');
    };
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, send('help'))).toMatchObject({
      status: 503,
    });
    expect(await ask(running, 'GET', '/web/rooms/ops/stream', { Cookie })).toMatchObject({ status: 503 });
    expect(running.chat.readersOf('ops')).toBe(0);
  });

  test('a stream starts with the room, continues with changes, and is dropped when the reader leaves', async () => {
    running.chat.show('ops', 'm1', 'one');
    const stream = await follow(running, 'ops', Cookie);
    await stream.readUntil(/event: room\ndata: \{"lines":\[\{"id":"m1".*\],"earlier":false\}\n\n/);
    running.chat.show('ops', 'm1', 'one, changed');
    await stream.readUntil(/event: changed\ndata: \[\{"id":"m1".*one, changed.*\]\n\n/);
    stream.leave();
    await until('there are no readers', () => running.chat.readersOf('ops') === 0);
  });

  test('a change between following the room and reading its lines is not missed', async () => {
    running.chat.before = () => queueMicrotask(() => running.chat.show('ops', 'm1', 'in between'));
    const stream = await follow(running, 'ops', Cookie);
    await stream.readUntil(/in between/);
    stream.leave();
  });

  test('an open stream does not delay a drain', async () => {
    const response = await fetch(`${running.url}/web/rooms/ops/stream`, { headers: { cookie: Cookie } });
    const began = performance.now();
    await running.server.drain({ acceptForMs: 0, boundMs: 20_000 });
    await response.body?.cancel();
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('the page may only load its own files, and every imported module exists', async () => {
    const page = await ask(running, 'GET', '/', { Cookie });
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
          name.startsWith('.')
            ? new URL(name, `http://x${address}`).pathname
            : (imports[name]?.replace(/^\./, '') ?? `missing:${name}`),
        );
    };
    await visit('/assets/src/web/page/main.ts');
    await visit('/assets/src/web/page/sign-in.ts');
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

  test('everyone must enter it, also on this machine, and nothing is shown before', async () => {
    expect(await ask(running, 'GET', '/', { Host: 'localhost' })).toMatchObject({
      status: 401,
      text: expect.stringContaining('Sign in'),
    });
    for (const path of ['/web/session', '/web/rooms/ops/stream'])
      expect(await ask(running, 'GET', path)).toMatchObject({ status: 401 });
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', JSON_BODY, send('help'))).toMatchObject({ status: 401 });
    expect(running.chat.sent).toEqual([]);
  });

  test('the correct one signs in with a cookie that scripts and other sites cannot use', async () => {
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
    expect([right.status, right.headers['location']]).toEqual([303, './']);
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/']) expect(cookie).toContain(attribute);
    const Cookie = cookie.split(';')[0] ?? '';
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({
      status: 200,
      text: expect.stringContaining('main.ts'),
    });
    expect(await ask(running, 'GET', '/web/session', { Cookie })).toMatchObject({ status: 200 });
    expect(await ask(running, 'GET', '/web/session', { Cookie: `${Cookie}x` })).toMatchObject({ status: 401 });
  });

  test('another site can neither sign in nor use the cookie', async () => {
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
      send('x'),
    );
    expect(line.status).toBe(403);
  });

  test('an unreachable database neither rejects the password nor ends a session', async () => {
    const Cookie = cookieIn(await ask(running, 'POST', '/login', headers, 'password=open+sesame'));
    running.sessions.before = () => {
      throw new Error('away');
    };
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({
      status: 503,
      text: expect.stringContaining('http-equiv="refresh"'),
    });
    expect(await ask(running, 'GET', '/web/session', { Cookie })).toMatchObject({ status: 503 });
    expect(await ask(running, 'POST', '/login', headers, 'password=open+sesame')).toMatchObject({ status: 503 });
    running.sessions.before = () => {};
    expect(await ask(running, 'GET', '/web/session', { Cookie })).toMatchObject({ status: 200 });
  });

  test('a link of `watchbell sign-in` works too', async () => {
    expect(await ask(running, 'GET', '/', { Cookie: await signIn(running) })).toMatchObject({ status: 200 });
  });

  test('guessing behind a proxy locks out neither others behind it nor active sessions', async () => {
    const from = (address: string) => ({ ...headers, 'X-Forwarded-For': `192.0.2.1, ${address}` });
    const login = (address: string, password: string) =>
      ask(running, 'POST', '/login', from(address), `password=${password}`);
    const Cookie = cookieIn(await login('203.0.113.1', 'open+sesame'));
    for (let count = 0; count < 5; count++) expect((await login('203.0.113.66', 'guess')).status).toBe(401);
    expect(await login('203.0.113.66', 'open+sesame')).toMatchObject({
      status: 429,
      headers: { 'retry-after': '12' },
      text: expect.stringContaining('watchbell sign-in'),
    });
    expect(await login('203.0.113.2', 'open+sesame')).toMatchObject({ status: 303 });
    expect(await ask(running, 'GET', '/', { Cookie })).toMatchObject({ status: 200 });
  });

  test('guessing is rate-limited', async () => {
    for (let count = 0; count < 5; count++) await ask(running, 'POST', '/login', headers, 'password=guess');
    expect(await ask(running, 'POST', '/login', headers, 'password=open+sesame')).toMatchObject({ status: 429 });
  });
});
