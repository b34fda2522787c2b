import { once } from 'node:events';
import { connect } from 'node:net';
import express from 'express';
import { startTestServer, until } from './testing-server.ts';

async function get(url: string) {
  const response = await fetch(url);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

test('the probes reflect the state, and a replica without its database stays ready', async () => {
  const running = await startTestServer();
  const { state, opsUrl } = running;
  state.started = false;
  expect(await get(`${opsUrl}/startupz`)).toMatchObject({ status: 503 });
  expect(await get(`${opsUrl}/readyz`)).toMatchObject({ status: 503, body: { state: 'starting' } });
  expect(await get(`${opsUrl}/livez`)).toMatchObject({ status: 200 });
  state.started = true;
  const since = new Date(Date.now() - 90_000);
  state.parts = { database: { ok: false, since, detail: 'connection refused' } };
  expect(await get(`${opsUrl}/startupz`)).toMatchObject({ status: 200 });
  expect(await get(`${opsUrl}/readyz`)).toMatchObject({ status: 200, body: { state: 'ready' } });
  const ageSeconds = expect.any(Number) as number;
  const health = await get(`${opsUrl}/healthz`);
  expect(health).toMatchObject({
    status: 503,
    body: { state: 'degraded', parts: { database: { ok: false, ageSeconds, detail: 'connection refused' } } },
  });
  const { database } = health.body['parts'] as Record<string, { ageSeconds: number }>;
  expect(database?.ageSeconds).toBeGreaterThanOrEqual(90);
  expect(database?.ageSeconds).toBeLessThanOrEqual(Math.ceil((Date.now() - since.getTime()) / 1000));
  state.draining = true;
  expect(await get(`${opsUrl}/readyz`)).toMatchObject({ status: 503, body: { state: 'draining' } });
  await running.end();
});

test('metrics are available on the ops port only', async () => {
  const running = await startTestServer();
  const response = await fetch(`${running.opsUrl}/metrics`);
  expect(await response.text()).toContain('watchbell_build_info{version="test"} 1');
  for (const path of ['/metrics', '/healthz', '/nothing'])
    expect(await get(running.url + path)).toMatchObject({ status: 404, body: { status: 404 } });
  await running.end();
});

test('an error in a page shows an id, and the log has the reason', async () => {
  const handler = express.Router().get('/', () => {
    throw new Error('select failed');
  });
  const running = await startTestServer({ pages: [{ handler }] });
  const { status, body } = await get(running.url);
  expect(status).toBe(500);
  const reference = /under (\w+)$/.exec(String(body['title']))?.[1] ?? 'none';
  expect(JSON.stringify(body)).not.toContain('select failed');
  expect(running.written.join('')).toContain(reference);
  expect(running.written.join('')).toContain('select failed');
  await running.end();
});

test('if a port is busy the next free one is used, unless it was set explicitly', async () => {
  const first = await startTestServer();
  const { port } = first.server;
  const second = await startTestServer({ port });
  expect(second.server.port).toBeGreaterThan(port);
  await expect(startTestServer({ port, portFixed: true })).rejects.toMatchObject({
    code: 'WB_START_FAILED',
    message: `port ${port} is in use: stop the program that uses it, or set http.port (PORT)`,
  });
  await Promise.all([first.end(), second.end()]);
});

test('a drain accepts requests for a while, finishes running ones, and ends', async () => {
  const running = await startTestServer();
  const headers = { Authorization: 'Bearer secret' };
  const send = () => fetch(`${running.url}/webhooks/alertmanager/prod`, { method: 'POST', body: '{}', headers });
  expect((await send()).headers.get('connection')).toBe('keep-alive');
  let commit: (() => void) | undefined;
  running.intake.store = () => new Promise<void>((resolve) => (commit = resolve));
  let isDrained = false;
  const drained = running.server.drain({ acceptForMs: 2000, boundMs: 30_000 }).then(() => (isDrained = true));
  const late = send();
  await until('the late request is accepted', () => commit !== undefined);
  await until('no new request is accepted', async () => {
    try {
      await fetch(running.url, { headers: { Connection: 'close' } });
      return false;
    } catch {
      return true;
    }
  });
  expect(isDrained).toBe(false);
  commit?.();
  const answer = await late;
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  await drained;
});

test('an idle preconnected socket does not delay a drain', async () => {
  const running = await startTestServer();
  const ahead = connect(running.server.port, '127.0.0.1');
  await once(ahead, 'connect');
  const began = performance.now();
  await running.server.drain({ acceptForMs: 0, boundMs: 30_000 });
  // Node itself would give it 10 s for its headers.
  expect(performance.now() - began).toBeLessThan(8000);
});

test('a hanging connection does not delay a drain beyond its limit', async () => {
  const running = await startTestServer();
  const socket = connect(running.server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Length: 9\r\n\r\n',
  );
  await until('connected', () => !socket.connecting);
  const began = performance.now();
  await running.server.drain({ acceptForMs: 0, boundMs: 300 });
  expect(performance.now() - began).toBeLessThan(5_000);
  socket.destroy();
});
