import { startTestServer } from '../http/testing-server.ts';
import { createLogger } from '../log.ts';
import { MemorySessionStore } from './memory-session-store.ts';
import { MemoryWebChat } from './memory-web-chat.ts';
import { createWebPages } from './pages.ts';

let running: Awaited<ReturnType<typeof startTestServer>>;
beforeEach(async () => {
  const log = createLogger({ level: 'silent' });
  const pages = createWebPages({
    ...{ chat: new MemoryWebChat(), sessions: new MemorySessionStore(), basePath: '/bell', log },
    password: async () => 'open sesame',
  });
  running = await startTestServer({ basePath: '/bell', pages: [pages] });
});
afterEach(() => running.end());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(running.url + path, { redirect: 'manual', ...init });

async function signIn(): Promise<Response> {
  return ask('/bell/login', { method: 'POST', body: new URLSearchParams({ password: 'open sesame' }) });
}

test('below a base path the page works with and without a slash, and its cookie is limited to the path', async () => {
  const bare = await ask('/bell');
  expect([bare.status, bare.headers.get('location')]).toEqual([308, '/bell/']);
  expect((await ask('/bell/')).status).toBe(401);
  const right = await signIn();
  expect([right.status, right.headers.get('location')]).toEqual([303, './']);
  expect(right.headers.get('set-cookie')).toMatch(/; Path=\/bell;/);
  const cookie = right.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await ask('/bell/web/session', { headers: { cookie } })).status).toBe(200);
  const left = await ask('/bell/logout', { method: 'POST', headers: { cookie } });
  expect([left.status, left.headers.get('location')]).toEqual([303, './']);
  expect(left.headers.get('set-cookie')).toMatch(/; Path=\/bell;/);
});

test('all URLs of the pages are below that path, whether or not the proxy strips it', async () => {
  const cookie = (await signIn()).headers.get('set-cookie')?.split(';')[0] ?? '';
  for (const headers of [new Headers(), new Headers({ cookie })]) {
    const page = await (await ask('/bell/', { headers })).text();
    const addresses = [...page.matchAll(/(?:href|src|action)="([^"]+)"|":"([^"]+\.mjs)"/g)].map(
      ([, attribute, module]) => attribute ?? module ?? '',
    );
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    for (const address of addresses) {
      const { pathname } = new URL(address, 'http://x/bell/');
      expect(pathname).toMatch(/^\/bell\//);
      // These accept only POST.
      if (['login', 'logout'].includes(address)) continue;
      expect([pathname, (await ask(pathname)).status]).toEqual([pathname, 200]);
      expect((await ask(pathname.slice('/bell'.length))).status).toBe(200);
    }
  }
});

test('the ops port does not use the base path', async () => {
  expect((await fetch(`${running.opsUrl}/livez`)).status).toBe(200);
  expect((await fetch(`${running.opsUrl}/bell/livez`)).status).toBe(404);
});
