// The peer: the simplest express handler for one webhook. With `store` false it only answers.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import express from 'express';
import type { PeerSetting } from './peer.ts';

const setting = JSON.parse(process.argv[2] ?? '{}') as PeerSetting;
const app = express();
app.use(express.json({ limit: '1mb' }));
app.get('/readyz', (_request, response) => void response.json({}));

if (setting.query) {
  const { databaseUrl, sql } = setting.query;
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  app.get('/query', async (_request, response) => {
    const { rows } = await pool.query({ name: 'query', text: sql });
    response.json({ items: rows });
  });
}

if (setting.forward) {
  const { databaseUrl, homeserver, room, token } = setting.forward;
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  await pool.query('create table if not exists peer_webhooks (id uuid primary key, body json not null)');
  const agent = new Agent({ keepAlive: true });
  const send = (body: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}`;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      request(`${homeserver}${path}`, { method: 'PUT', agent, headers }, (response) => {
        response.resume().once('end', resolve);
      })
        .once('error', reject)
        .end(JSON.stringify(body));
    });
  app.post('/webhook', async (incoming, response) => {
    const { alerts } = incoming.body as { alerts: { labels: Record<string, string> }[] };
    await pool.query('insert into peer_webhooks (id, body) values ($1, $2)', [randomUUID(), incoming.body]);
    await send({ msgtype: 'm.text', body: `FIRING ${alerts.map((alert) => alert.labels['alertname']).join(' ')}` });
    response.json({});
  });
} else {
  app.post('/webhook', (_request, response) => void response.json({}));
}

const server = app.listen(setting.port ?? 0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
});
// As long as ours: a connection closed while the next request is in flight would count as a rejection.
server.keepAliveTimeout = 65_000;
process.on('disconnect', () => process.exit(0));
