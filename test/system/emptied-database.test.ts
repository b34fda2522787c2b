import pg from 'pg';
import { defineSkill, type Webhook } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const knock: Webhook = {
  verify: () => ({ bearer: [{ file: 'token' }] }),
  sources: () => ['default'],
  run: async (calls) => {
    for (const { context, request } of calls) await context.say('lobby', `knock ${(request.body as { n: number }).n}`);
  },
};
const probe = defineSkill({
  name: 'probe',
  commands: { 'ping {n:int}': { help: 'answers', run: ({ args }) => `pong ${args.n}` } },
  webhooks: { knock },
});

let bot: TestBot;
let admin: pg.Client;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [probe],
    secrets: { token: 'secret' },
    config: {
      connectors: { memory: { opsRoom: 'ops' } },
      rooms: { lobby: { in: { memory: 'lobby' } }, ops: { in: { memory: 'ops' } } },
    },
  });
  admin = new pg.Client(bot.databaseUrl);
  await admin.connect();
});
afterEach(async () => {
  await admin.end();
  await bot.stop();
});

const ops = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${bot.app.opsPort}${path}`);
const databaseUp = async (): Promise<string | undefined> =>
  /^watchbell_database_up (\d)$/m.exec(await (await ops('/metrics')).text())?.[1];
const knocked = async (n: number): Promise<number> => (await bot.webhook('knock', { n }, 'secret')).status;
const knockedIn = (n: number) => async (): Promise<boolean> => (await knocked(n)) === 200;

test('after its database was emptied the bot starts over, reports it, and uses no number twice', async () => {
  expect(await bot.say('ping 1')).toEqual(['pong 1']);
  expect(await knocked(1)).toBe(200);
  const [before] = await bot.query<{ last: number }>('select max(id)::int as last from events');
  await admin.query('drop schema public cascade; create schema public');
  await until(knockedIn(2));
  await bot.settle();
  expect(await bot.say('ping 2')).toEqual(['pong 2']);
  expect(bot.texts()).toEqual(['pong 1', 'knock 1', 'knock 2', 'pong 2']);
  expect(bot.texts('ops')).toEqual([expect.stringContaining('My database was emptied or replaced')]);
  const [after] = await bot.query<{ first: number }>('select min(id)::int as first from events');
  expect(after?.first).toBeGreaterThan(before?.last ?? Number.NaN);
  expect([await databaseUp(), (await ops('/readyz')).status, (await ops('/healthz')).status]).toEqual(['1', 200, 200]);
});

test('if the tables cannot be created again, the bot is not ready, reports why, and continues once they can', async () => {
  await admin.query('drop schema public cascade');
  await until(async () => (await ops('/readyz')).status === 503);
  expect(await databaseUp()).toBe('0');
  expect(await (await ops('/healthz')).json()).toMatchObject({
    state: 'degraded',
    parts: { database: { ok: false, detail: expect.stringMatching(/tables are gone|create schema/) } },
  });
  expect(await knocked(1)).toBe(503);
  await admin.query('create schema public');
  await until(knockedIn(2));
  expect([await databaseUp(), (await ops('/readyz')).status]).toEqual(['1', 200]);
});

test('a single missing table is detected and named', async () => {
  await admin.query('alter table crons rename to hidden');
  await until(async () => (await ops('/readyz')).status === 503);
  await until(async () => (await (await ops('/healthz')).text()).includes('tables are gone (crons)'));
  expect(await databaseUp()).toBe('0');
  await admin.query('alter table hidden rename to crons');
  await until(async () => (await ops('/readyz')).status === 200);
  expect(await databaseUp()).toBe('1');
  expect(bot.texts('ops')).toEqual([]);
});

test('a read-only database counts as unreachable', async () => {
  const [{ name } = { name: '' }] = await bot.query<{ name: string }>('select current_database() as name');
  await admin.query(`alter database ${name} set default_transaction_read_only = on`);
  await bot.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() and pid <> $1',
    [(admin as unknown as { processID: number }).processID],
  );
  await until(async () => (await databaseUp()) === '0');
  expect(await knocked(1)).toBe(503);
  await admin.query(`set transaction_read_only = off; alter database ${name} reset default_transaction_read_only`);
  await until(knockedIn(2));
  expect(await databaseUp()).toBe('1');
});
