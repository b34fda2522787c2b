import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

/** A skill that crashes the program for a certain body or task. */
const DRINK = `
import { defineSkill, defineTask, z, type Webhook } from '#skill';
const drink: Webhook<object> = {
  verify: () => ({ bearer: [{ file: 'token' }] }),
  sources: () => ['default'],
  async run(calls) {
    for (const { context, request: { body } } of calls) {
      if (body.poison) process.kill(process.pid, 'SIGKILL');
      await context.sql('insert into drinks (word) values ($1)', [body.word]);
    }
  },
};
const sip = defineTask({
  payload: z.object({ poison: z.boolean() }),
  result: z.string(),
  idempotent: true,
  async run({ payload }) {
    if (payload.poison) process.kill(process.pid, 'SIGKILL');
    return 'well';
  },
  done: (context, outcome) => context.sql('insert into drinks (word) values ($1)', [outcome.ok ? outcome.result : outcome.reason]),
});
export default defineSkill({ name: 'drink', options: z.object({}), webhooks: { drink }, tasks: { sip } });
`;

let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let client: pg.Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-poison-'));
  for (const path of ['secrets', 'team/drink/migrations']) await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, 'secrets/token'), 'secret');
  await writeFile(join(directory, 'team/drink/index.ts'), DRINK);
  await writeFile(join(directory, 'team/drink/migrations/001-drinks.sql'), 'create table drinks (word text not null)');
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { web: {} },
      rooms: { ops: { in: { web: 'ops' } } },
      skillDirectories: ['team'],
      skills: {
        drink: {},
        alerts: { sources: { default: { tokens: [{ file: 'token' }] } }, route: { rooms: ['ops'] } },
      },
    }),
  );
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  bell = new ProgramProcess({
    config,
    secrets: join(directory, 'secrets'),
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
    execArgv: ['--max-old-space-size=256'],
  });
  await bell.start();
}, 60_000);
afterAll(async () => {
  await bell.stop();
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

const post = (address: string, body: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<Response> =>
  fetch(`${bell.url}/webhooks/${address}`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret', ...headers },
    body,
  });
const gzipped = (body: string): Promise<Response> =>
  post('alertmanager', new Uint8Array(gzipSync(body)), { 'content-encoding': 'gzip' });

async function rows<Row extends object>(sql: string): Promise<Row[]> {
  return (await client.query<Row>(sql)).rows;
}

test('a body that grows a thousandfold when parsed or divided does not crash a replica', async () => {
  const empty = (count: number): string => `[${'{},'.repeat(count - 1)}{}]`;
  const inflating = await gzipped(`{"version":"4","alerts":${empty(8_000_000)}}`);
  expect(inflating.status).toBe(413);
  expect(await inflating.text()).toContain('more than 1,000,000 values');
  const many = await gzipped(`{"version":"4","x":"${'x'.repeat(4 * 1024 * 1024)}","alerts":${empty(300_000)}}`);
  expect(many.status).toBe(200);
  // All at once, as an attacker would: they wait for each other, or are told to retry.
  const together = await Promise.all(
    Array.from({ length: 8 }, () =>
      gzipped(`{"version":"4","alerts":${empty(400_000)},"y":"${'é'.repeat(7_000_000)}"}`),
    ),
  );
  for (const { status } of together) expect([200, 413, 503]).toContain(status);
  await until(async () => (await rows(`select 1 from events where state <> 'done'`)).length === 0);
  const [{ largest } = { largest: 0 }] = await rows<{ largest: number }>(
    `select max(length(content)) as largest from messages`,
  );
  expect(largest).toBeGreaterThan(0);
  const said = await rows<{ text: string }>(
    `select content::json ->> 'text' as text from messages where skill = 'alerts'`,
  );
  expect(said.map(({ text }) => text)).toEqual([
    expect.stringMatching(
      /^default sent 1000 alerts that could not be read .*\n.* sent 300000 alerts in one notification; only the first 10000 were accepted\./,
    ),
  ]);
  expect(bell.deaths).toBe(0);
}, 120_000);

/** Restarts it until it stays up long enough that the cause of the crashes must be gone. */
async function keepAlive(isOver: () => Promise<boolean>): Promise<void> {
  for (;;) {
    if (!bell.isAlive) await bell.start();
    if (await isOver()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('an event that crashes the program is quarantined after three crashes of its own, and does not affect other events', async () => {
  const before = bell.deaths;
  await post('drink', JSON.stringify({ word: 'tea' }));
  const poison = post('drink', JSON.stringify({ poison: true })).catch(() => {});
  await Promise.all([
    poison,
    ...['milk', 'water'].map((word) => post('drink', JSON.stringify({ word })).catch(() => {})),
  ]);
  await keepAlive(async () => (await rows(`select 1 from events where state = 'failed'`)).length > 0);
  await post('drink', JSON.stringify({ word: 'juice' }));
  await until(async () => (await rows(`select 1 from events where state = 'new'`)).length === 0);
  // The first crash cannot be attributed yet; then three attempts are counted.
  expect(bell.deaths - before).toBe(4);
  const accepted = await rows<{ name: string }>(`select name from events where name = 'drink' and state = 'done'`);
  const drunk = await rows<{ word: string }>('select word from drinks order by word');
  expect(drunk).toHaveLength(accepted.length);
  expect(new Set(drunk.map(({ word }) => word)).size).toBe(drunk.length);
  expect(drunk.map(({ word }) => word)).toEqual(expect.arrayContaining(['juice', 'tea']));
  expect(await rows(`select message from errors`)).toEqual([
    { message: 'the program crashed 3 times while handling this event, so it is not retried' },
  ]);
}, 120_000);

test('a task that crashes the program is ended after three crashes, and tasks running at the same time continue', async () => {
  await client.query('truncate drinks');
  const before = bell.deaths;
  await client.query(
    `insert into tasks (id, skill, name, payload) select gen_random_uuid(), 'drink', 'sip', payload
     from unnest($1::text[]) as given (payload)`,
    [[true, false, false, false].map((poison) => JSON.stringify({ poison }))],
  );
  await keepAlive(async () => (await rows(`select 1 from drinks`)).length >= 4);
  const results = await rows<{ word: string }>(`select word from drinks order by word`);
  expect(results.map(({ word }) => word)).toEqual([
    'the bot crashed 3 times while running it, so it is not retried; it may have happened',
    'well',
    'well',
    'well',
  ]);
  expect(bell.deaths - before).toBe(3);
}, 120_000);
