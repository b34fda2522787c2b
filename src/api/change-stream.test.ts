import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Request, type Response } from 'express';
import { until } from '../../test/harness/until.ts';
import type { Changes, Follower } from '../dispatch/changes.ts';
import { ChangeStreams } from './change-stream.ts';
import { tokenActor } from './tokens.ts';

let server: Server;
let isIn = true;
const followers = new Set<Follower>();
const changes: Pick<Changes, 'follow'> = {
  follow: (follower) => {
    followers.add(follower);
    return () => void followers.delete(follower);
  },
};

async function open(): Promise<{ text: () => string; ended: () => boolean }> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  let text = '';
  let ended = false;
  void (async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
    ended = true;
  })();
  return { text: () => text, ended: () => ended };
}

let streams: ChangeStreams;
beforeAll(async () => {
  streams = new ChangeStreams({
    changes,
    mayRun: (_asker, name) => !name.startsWith('secret '),
    isStillAuthenticated: async () => isIn,
    beatMs: 5,
  });
  const app = express();
  app.get('/', (request: Request, response: Response) => void streams.open(tokenActor('ci'), request, response));
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('a stream starts with "all", sends heartbeats when idle, and names only permitted queries', async () => {
  const { text } = await open();
  await until(() => text().includes(': beat\n\n'));
  expect(text()).toMatch(/^data: all\n\n/);
  for (const follower of followers) follower(['secret thing', 'alerts open']);
  await until(() => text().includes('data: alerts open\n\n'));
  for (const follower of followers) follower(['alerts one', 'all']);
  await until(() => text().split('data: all\n\n').length === 3);
  expect(text()).not.toContain('secret');
  expect(text()).not.toContain('alerts one');
});

test('HEAD is answered but opens no stream', async () => {
  const before = followers.size;
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  await response.text();
  expect(followers.size).toBe(before);
});

test('a stream ends when its token is revoked, and all end when the server drains', async () => {
  isIn = false;
  const taken = await open();
  await until(() => taken.ended());
  isIn = true;
  await until(() => followers.size <= 1);
  const drained = await open();
  streams.close();
  await until(() => drained.ended() && followers.size === 0);
});
