import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Only the proxy can resolve this name. */
const HOST = 'bell.test';
const CERTIFICATE = join(import.meta.dirname, '../fakes/tls/bell.test');
const SOURCE = join(import.meta.dirname, '../../src');

let proxy: Server;
/** Requests to the proxy, in order. */
let asked: string[];
const servers: Server[] = [];

beforeAll(async () => {
  // Made for this test, for a reserved name (RFC 2606), valid for a hundred years.
  const tls = { key: await readFile(`${CERTIFICATE}.key`), cert: await readFile(`${CERTIFICATE}.pem`) };
  const answer = (path: string | undefined): string => JSON.stringify({ path });
  const plain = await listening(createServer((request, response) => response.end(answer(request.url))));
  const secure = await listening(createTlsServer(tls, (request, response) => response.end(answer(request.url))));
  proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    response.end(answer(URL.parse(request.url ?? '')?.pathname));
  });
  proxy.on('connect', (request, socket, head) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    const through = connect(request.url?.endsWith(':443') ? secure : plain, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      through.write(head);
      through.pipe(socket).pipe(through);
    });
    // The server does not track tunnels: if one end closes, close the other.
    through.on('error', () => {}).on('close', () => socket.destroy());
    socket.on('error', () => {}).on('close', () => through.destroy());
  });
  await listening(proxy);
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Runs statements in a separate process, because proxies and certificates apply to a complete process. */
async function inProcess(statements: string, env: Record<string, string>): Promise<string[]> {
  const script = `
    const { useProxies } = await import('${SOURCE}/proxies.ts');
    const { Requests } = await import('${SOURCE}/connectors/matrix/requests.ts');
    const { bucketStore } = await import('${SOURCE}/backup/bucket-store.ts');
    const { messageOf } = await import('${SOURCE}/errors.ts');
    const say = async (work) => console.log(await work().catch((error) => messageOf(error.cause ?? error)));
    try {
      useProxies(process.env);
      ${statements}
    } catch (error) { console.log(messageOf(error)); }
    process.exit();`;
  const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], ...env },
  });
  return stdout.trim().split('\n');
}

const proxyUrl = (user = ''): string => `http://${user}127.0.0.1:${(proxy.address() as AddressInfo).port}`;

test('all outgoing requests use the proxies, with their password, and the additional certificates', async () => {
  const said = await inProcess(
    `const matrix = new Requests('https://${HOST}');
     for (const since of [1, 2]) await say(async () => (await matrix.request('GET', '/sync', { query: { since } })).path);
     await say(async () => (await new Requests('http://${HOST}').request('GET', '/plain')).path);
     await say(async () => (await (await fetch('https://${HOST}/fetched')).json()).path);
     const store = bucketStore({ address: 's3://b', bucket: 'b', prefix: '', endpoint: 'https://${HOST}', region: 'eu', keys: { accessKeyId: 'a', secretAccessKey: 'b' } });
     await say(() => store.ask('GET', 'key', async (answer) => JSON.parse(await answer.text()).path));`,
    {
      HTTP_PROXY: proxyUrl('bell:hush@'),
      HTTPS_PROXY: proxyUrl('bell:hush@'),
      NODE_EXTRA_CA_CERTS: `${CERTIFICATE}.pem`,
    },
  );
  expect(said).toEqual(['/sync?since=1', '/sync?since=2', '/plain', '/fetched', '/b/key']);
  const password = `Basic ${Buffer.from('bell:hush').toString('base64')}`;
  // The two long polls went through one tunnel.
  expect(asked).toEqual([
    `CONNECT ${HOST}:443 ${password}`,
    `GET http://${HOST}/plain ${password}`,
    `CONNECT ${HOST}:443 ${password}`,
    `CONNECT ${HOST}:443 ${password}`,
  ]);
});

test('hosts in NO_PROXY, their subdomains, and the bot itself are reached without the proxy', async () => {
  const own = await listening(createServer((_request, response) => response.end('{"path":"itself"}')));
  const said = await inProcess(
    `await say(async () => (await (await fetch('http://127.0.0.1:${own}/')).json()).path);
     await say(async () => (await new Requests('http://localhost:${own}').request('GET', '/')).path);
     await say(() => fetch('http://${HOST}/'));
     await say(() => new Requests('http://sub.${HOST}').request('GET', '/'));`,
    { HTTP_PROXY: proxyUrl(), NO_PROXY: `other.example, ${HOST}` },
  );
  expect(said).toEqual(['itself', 'itself', expect.stringContaining(HOST), expect.stringContaining(`sub.${HOST}`)]);
  expect(asked).toEqual([]);
});

test('a rejecting proxy is reported without its password, and an invalid address by the name of its variable', async () => {
  const refusing = createServer();
  refusing.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  const port = await listening(refusing);
  const ask = `await say(() => new Requests('https://${HOST}').request('GET', '/'));`;
  const [said = ''] = await inProcess(ask, { HTTPS_PROXY: `http://bell:hush-hush-hush@127.0.0.1:${port}` });
  expect(said).toMatch(/tunnel.*403/i);
  expect(said).not.toContain('hush');
  expect(await inProcess(ask, { HTTPS_PROXY: 'socks5://bell:hush-hush-hush@127.0.0.1' })).toEqual([
    'HTTPS_PROXY is not the address of a proxy: write http://HOST:PORT',
  ]);
});
