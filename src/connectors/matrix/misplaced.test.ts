import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryEnvironment } from '../../../test/fakes/matrix/world.ts';
import { openAccount } from './account.ts';
import { Requests } from './requests.ts';

/** The error message for a web server with this status, headers and .well-known. */
async function messageFor(status: number, headers: Record<string, string>, wellKnown?: (url: string) => string) {
  const server = createServer((request, response) => {
    const isWellKnown = request.url === '/.well-known/matrix/client' && wellKnown !== undefined;
    if (isWellKnown) response.end(wellKnown(url));
    else response.writeHead(status, headers).end('<html>welcome</html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const requests = new Requests(url);
  const options = { homeserver: url, token: { file: 'token' } };
  try {
    await openAccount(requests, options, memoryEnvironment({ token: 'secret' }));
    throw new Error('it was accepted as a homeserver');
  } catch (error) {
    return (error as Error).message.replaceAll(url, 'URL');
  } finally {
    requests.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test.each([301, 302, 307, 308])('a redirect (%d) is reported with its target and what to configure', async (status) => {
  const to = 'https://matrix.example.org/_matrix/client/v3/account/whoami';
  expect(await messageFor(status, { Location: to })).toBe(
    `URL is not the address of a homeserver: it redirects to ${to}; set \`homeserver: https://matrix.example.org\``,
  );
});

test('for a web site whose .well-known names the homeserver, the error has its address', async () => {
  const wellKnown = () => JSON.stringify({ 'm.homeserver': { base_url: 'https://matrix.example.org/' } });
  const message =
    'URL is not the address of a homeserver: its .well-known/matrix/client names https://matrix.example.org; set `homeserver: https://matrix.example.org`';
  expect(await messageFor(404, {}, wellKnown)).toBe(message);
  expect(await messageFor(200, {}, wellKnown)).toBe(message);
});

test('an invalid .well-known is reported', async () => {
  expect(await messageFor(404, {}, (url) => JSON.stringify({ 'm.homeserver': { base_url: url } }))).toMatch(
    /its \.well-known\/matrix\/client names it, but it answers 404/,
  );
  expect(
    await messageFor(404, {}, () => JSON.stringify({ 'm.homeserver': { base_url: 'matrix.example.org' } })),
  ).toMatch(/has no valid address \("matrix\.example\.org"\); set the address that clients use/);
});

test('any other page is reported as not a homeserver, and an unavailable server is not', async () => {
  expect(await messageFor(404, {})).toMatch(/not the address of a homeserver: it answers 404 .* has no \.well-known/);
  expect(await messageFor(502, {})).toBe('the homeserver answers 502');
});
