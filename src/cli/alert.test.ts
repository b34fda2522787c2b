import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { postSample } from './alert.ts';

test('an address that ends with a slash is the same address', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const one of [url, `${url}/`, `${url}/bell/`])
    await expect(postSample({ url: one, source: 'prod eu', token: 't' }, {})).resolves.toBeUndefined();
  server.close();
  server.closeAllConnections();
  const path = '/webhooks/alertmanager/prod%20eu';
  expect(asked).toEqual([path, path, `/bell${path}`]);
});
