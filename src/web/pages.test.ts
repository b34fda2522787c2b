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

const cookieIn = (answer: Answer): string => String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '';

/** A browser that opens what the bot prints. */
async function signIn(running: Running): Promise<string> {
  const key = await createSignIn(running.sessions, new Date());
  return cookieIn(await ask(running, 'POST', '/sign-in', JSON_BODY, JSON.stringify({ key })));
}

const JSON_BODY = { 'Content-Type': 'application/json' };
const say = (text: string, id = randomUUID()): string => JSON.stringify({ id, text });

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
    ['a plain proxy, which sends what a browser on this machine would', { Host: '127.0.0.1:8080' }],
    ['a name that was made to point here', { Host: 'attacker.example.org' }],
    ['a proxy that says for whom', { Host: 'localhost', 'X-Forwarded-For': '127.0.0.1' }],
  ])('%s is told how to sign in, and nothing else', async (_what, headers) => {
    const page = await ask(running, 'GET', '/', headers);
    expect(page).toMatchObject({ status: 401, text: expect.stringContaining('npm run watchbell sign-in') });
    expect(page.text).not.toContain('main.ts');
    for (const path of ['/web/session', '/web/rooms/ops/stream', '/web/rooms/ops/lines?before=9'])
      expect(await ask(running, 'GET', path, headers)).toMatchObject({ status: 401 });
    for (const path of ['/web/rooms/ops/lines', '/web/rooms/ops/presses'])
      expect(await ask(running, 'POST', path, { ...headers, ...JSON_BODY }, say('help'))).toMatchObject({
        status: 401,
      });
    expect(await ask(running, 'POST', '/login', headers, 'password=')).toMatchObject({ status: 404 });
    expect(running.chat.sent).toEqual([]);
  });

  test('what the bot prints lets one browser in, once; opening its page uses nothing up', async () => {
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
    // That browser may follow the address again; another one may not.
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

  test('behind a plain proxy that serves https, the browser says where a request is from', async () => {
    const Cookie = await signIn(running);
    const headers = { Host: '127.0.0.1:8080', Origin: 'https://bell.example.org', Cookie, ...JSON_BODY };
    const path = '/web/rooms/ops/lines';
    const post = (site: string) => ask(running, 'POST', path, { ...headers, 'Sec-Fetch-Site': site }, say('help'));
    expect(await post('same-origin')).toMatchObject({ status: 200 });
    expect(await post('same-site')).toMatchObject({ status: 403 });
  });

  test("two bots of one machine do not take each other's cookies away", async () => {
    const other = await start();
    const [one, two] = [await signIn(running), await signIn(other)];
    expect(one.split('=')[0]).not.toBe(two.split('=')[0]);
    for (const bot of [running, other])
      expect(await ask(bot, 'GET', '/', { Cookie: `${one}; ${two}` })).toMatchObject({ status: 200 });
    await other.end();
  });

  test('who signs out is out, also with a copy of the cookie', async () => {
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

  test('what a page of another site sends is refused', async () => {
    const path = '/web/rooms/ops/lines';
    const base = { Host: 'localhost:8080', Cookie, ...JSON_BODY };
    const others: Record<string, string>[] = [
      { Origin: 'https://evil.example.org' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ];
    for (const more of others)
      expect(await ask(running, 'POST', path, { ...base, ...more }, say('help'))).toMatchObject({ status: 403 });
    expect(await ask(running, 'POST', path, { ...base, 'Content-Type': 'text/plain' }, say('help'))).toMatchObject({
      status: 400,
    });
    expect(running.chat.sent).toEqual([]);
    expect(await ask(running, 'POST', path, { ...base, Origin: 'http://localhost:8080' }, say('help'))).toMatchObject({
      status: 200,
    });
  });

  test('a line is said by the local user, and a repeat under the same id counts once', async () => {
    const body = say('ack 12');
    await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, body);
    await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, body);
    expect(running.chat.sent).toMatchObject([{ text: 'ack 12', sender: { accountId: 'local', guest: false } }]);
  });

  test('bad bodies and unknown rooms get a sentence', async () => {
    const post = (path: string, body: string) => ask(running, 'POST', path, { Cookie, ...JSON_BODY }, body);
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
    expect(await ask(running, 'POST', '/web/rooms/ops/lines', { Cookie, ...JSON_BODY }, say('help'))).toMatchObject({
      status: 503,
    });
    expect(await ask(running, 'GET', '/web/rooms/ops/stream', { Cookie })).toMatchObject({ status: 503 });
    expect(running.chat.readersOf('ops')).toBe(0);
  });

  test('a stream begins with the room whole, goes on with changes, and is forgotten when the reader leaves', async () => {
    running.chat.show('ops', 'm1', 'one');
    const stream = await follow(running, 'ops', Cookie);
    await stream.readUntil(/event: room\ndata: \{"lines":\[\{"id":"m1".*\],"earlier":false\}\n\n/);
    running.chat.show('ops', 'm1', 'one, changed');
    await stream.readUntil(/event: changed\ndata: \[\{"id":"m1".*one, changed.*\]\n\n/);
    stream.leave();
    await until('nobody follows it', () => running.chat.readersOf('ops') === 0);
  });

  test('a change between following the room and reading its lines is not missed', async () => {
    running.chat.before = () => queueMicrotask(() => running.chat.show('ops', 'm1', 'in between'));
    const stream = await follow(running, 'ops', Cookie);
    await stream.readUntil(/in between/);
    stream.leave();
  });

  test('an open stream does not hold up the end of the server', async () => {
    const response = await fetch(`${running.url}/web/rooms/ops/stream`, { headers: { cookie: Cookie } });
    const began = performance.now();
    await running.server.drain({ acceptForMs: 0, boundMs: 20_000 });
    await response.body?.cancel();
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('the page may load nothing but its own files, and every module it names is there', async () => {
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

  test('a database that is away is no wrong password, and no end of a session', async () => {
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

  test('an address of `watchbell sign-in` opens it too', async () => {
    expect(await ask(running, 'GET', '/', { Cookie: await signIn(running) })).toMatchObject({ status: 200 });
  });

  test('who guesses behind a proxy does not keep others behind it out, nor those who are in', async () => {
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

  test('guessing is slowed down', async () => {
    for (let count = 0; count < 5; count++) await ask(running, 'POST', '/login', headers, 'password=guess');
    expect(await ask(running, 'POST', '/login', headers, 'password=open+sesame')).toMatchObject({ status: 429 });
  });
});
