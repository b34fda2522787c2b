/** A webhook whose sender signs its bodies and names its deliveries, as GitHub does. */
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

const FORGE = `
import { defineSkill, z, type Webhook } from '#skill';
const forge: Webhook<object> = {
  sources: () => ['site', 'docs'],
  verify: (_, source) =>
    source === 'site' || source === 'docs'
      ? { hmac: { header: 'X-Hub-Signature-256', algorithm: 'sha256', prefix: 'sha256=', secrets: [{ file: 'secret' }] } }
      : undefined,
  headers: ['x-github-event', 'x-github-delivery', 'authorization'],
  id: ({ headers }) => headers['x-github-delivery'],
  async run(calls) {
    for (const { context, request } of calls)
      await context.sql('insert into forge_deliveries (source, headers, word) values ($1, $2, $3)', [
        request.source, JSON.stringify(request.headers), request.body.word,
      ]);
  },
};
export default defineSkill({ name: 'forge', options: z.object({}), webhooks: { forge } });
`;

let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let client: pg.Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-signed-'));
  for (const path of ['secrets', 'team/forge/migrations']) await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, 'secrets/secret'), 'not so secret');
  await writeFile(join(directory, 'team/forge/index.ts'), FORGE);
  await writeFile(
    join(directory, 'team/forge/migrations/001-deliveries.sql'),
    'create table forge_deliveries (source text not null, headers jsonb not null, word text not null)',
  );
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { web: { opsRoom: 'ops' } },
      rooms: { ops: { in: { web: 'ops' } } },
      skillDirectories: ['team'],
      skills: { forge: {} },
    }),
  );
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  bell = new ProgramProcess({
    ...{ config, secrets: join(directory, 'secrets'), databaseUrl: database.url },
    ...{ port: await freePort(), opsPort: await freePort() },
  });
  await bell.start();
}, 60_000);
afterAll(async () => {
  await bell.stop();
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function deliver(id: string, word: string, { source = 'site', secret = 'not so secret' } = {}): Promise<number> {
  const body = JSON.stringify({ word });
  return fetch(`${bell.url}/webhooks/forge/${source}`, {
    method: 'POST',
    headers: {
      ...{ 'X-GitHub-Delivery': id, 'X-GitHub-Event': 'push', Authorization: 'Bearer not to be kept' },
      'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    body,
  }).then(
    ({ status }) => status,
    () => 0,
  );
}

async function handled(word: string): Promise<{ source: string; headers: unknown }[]> {
  await until(async () => (await client.query(`select 1 from events where state = 'new'`)).rows.length === 0);
  const { rows } = await client.query<{ source: string; headers: unknown }>(
    'select source, headers from forge_deliveries where word = $1 order by source',
    [word],
  );
  return rows;
}

test('a signed delivery is handled with its headers, but for those that carry secrets; a wrong signature is told', async () => {
  expect(await deliver('1', 'one')).toBe(200);
  expect(await handled('one')).toEqual([
    { source: 'site', headers: { 'x-github-event': 'push', 'x-github-delivery': '1' } },
  ]);
  expect(await deliver('2', 'forged', { secret: 'a guess' })).toBe(401);
  await until(async () => (await client.query(`select 1 from messages where skill = 'core'`)).rows.length === 1);
  expect(await handled('forged')).toEqual([]);
  expect((await client.query(`select content::json->>'text' as text from messages where skill = 'core'`)).rows).toEqual(
    [
      {
        text: expect.stringMatching(/^A request to `forge\/site` was rejected: the signature is wrong/),
      },
    ],
  );
});

test('a repeat gets its 200 and is not handled again, also beside the first; another source has names of its own', async () => {
  expect(await Promise.all(Array.from({ length: 12 }, () => deliver('3', 'three')))).toEqual(Array(12).fill(200));
  expect(await deliver('3', 'three')).toBe(200);
  expect(await deliver('3', 'three', { source: 'docs' })).toBe(200);
  expect((await handled('three')).map(({ source }) => source)).toEqual(['docs', 'site']);
  // An empty name is none.
  for (const word of ['nameless', 'nameless']) expect(await deliver('', word)).toBe(200);
  expect(await handled('nameless')).toHaveLength(2);
  // Names that no column would take.
  for (const id of ['x'.repeat(9000), 'x'.repeat(9000), 'x'.repeat(9001)]) expect(await deliver(id, 'long')).toBe(200);
  expect(await handled('long')).toHaveLength(2);
});

test('a delivery that a killed replica had accepted, or had not, is handled once when it is repeated', async () => {
  for (let round = 0; round < 3; round++) {
    const ids = Array.from({ length: 20 }, (_, nth) => `kill ${round}.${nth}`);
    const sending = ids.map((id) => deliver(id, `kill ${round}`));
    await Promise.race(sending);
    await bell.kill();
    await Promise.all(sending);
    await bell.start();
    for (const id of ids) expect(await deliver(id, `kill ${round}`)).toBe(200);
    expect(await handled(`kill ${round}`)).toHaveLength(ids.length);
  }
}, 60_000);
