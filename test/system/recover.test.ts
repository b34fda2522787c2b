import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const BIN = resolve(import.meta.dirname, '../../bin/watchbell.js');

let bot: TestBot;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-recover-'));
  await writeFile(
    join(directory, 'watchbell.yaml'),
    'connectors: { web: {} }\nrooms: { lobby: { in: { web: lobby } } }\n',
  );
  // Without skills, it leaves every timer of these tests to `recover`.
  bot = await startTestBot({ skills: [] });
});
afterEach(async () => {
  await bot.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Runs the real command in a separate process. */
function recover(...more: string[]): Promise<{ status: number; said: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [BIN, 'recover', '--config', join(directory, 'watchbell.yaml'), ...more],
      { env: { PATH: process.env['PATH'], DATABASE_URL: bot.databaseUrl } },
      (error, stdout, stderr) => done({ status: Number(error?.code ?? 0), said: `${stdout}${stderr}` }),
    );
  });
}

const setTimer = (skill: string, name: string, ageSeconds: number): Promise<object[]> =>
  bot.query(
    `insert into timers (id, skill, key, name, payload, due_at)
     values (gen_random_uuid(), $1, gen_random_uuid()::text, $2, '{"id":999}', now() - $3 * interval '1 second')`,
    [skill, name, ageSeconds],
  );
const events = (): Promise<{ skill: string; name: string }[]> =>
  bot.query(`select skill, name from events where kind = 'timer'`);

test('nothing overdue is reported in one sentence, and timers due later or just now are left to the replicas', async () => {
  await setTimer('countdown', 'goOn', 10);
  await setTimer('countdown', 'goOn', -3600);
  expect(await recover()).toEqual({ status: 0, said: 'No timer is overdue by more than 30 s.\n' });
  expect(await events()).toEqual([]);
});

test('a stalled countdown is handed over, once', async () => {
  await setTimer('countdown', 'goOn', 120);
  await setTimer('countdown', 'goOn', 60);
  const { status, said } = await recover('--older-than', '45s');
  expect(said).toMatch(
    /^countdown goOn: 2 timers, due 2 min ago \(.*Z\): handed over\.\nOne replica is alive; it takes a second\.\n$/,
  );
  expect(status).toBe(0);
  expect(await events()).toHaveLength(2);
  expect((await recover()).said).toBe('No timer is overdue by more than 30 s.\n');
  expect(await events()).toHaveLength(2);
});

test('with no live replica it is handed over too, and the exit status is 1', async () => {
  await bot.leave();
  await setTimer('countdown', 'goOn', 60);
  const { status, said } = await recover();
  expect(said).toContain('handed over.\nNo replica is alive: the timers are handled when the next one starts.');
  expect(status).toBe(1);
  expect(await events()).toHaveLength(1);
});

test('a timer that fired long ago but was never handled is reported', async () => {
  await setTimer('countdown', 'goOn', 60);
  await recover();
  await bot.query(`update events set accepted_at = now() - interval '1 min' where kind = 'timer'`);
  const { status, said } = await recover();
  expect(said).toContain('countdown goOn: one timer, due 1 min ago');
  expect(said).toContain('fired, but not handled yet.\nA replica is alive but does not handle some');
  expect(status).toBe(1);
});

test('a timer of a skill that is not configured is skipped and reported', async () => {
  await setTimer('gone', 'poll', 60);
  const { status, said } = await recover();
  expect(said).toContain('gone poll: one timer, due 1 min ago');
  expect(said).toContain('skipped, because this configuration has no such skill');
  expect(status).toBe(1);
  expect(await events()).toEqual([]);
});

test('a timer that a replica is firing right now is not touched', async () => {
  await setTimer('countdown', 'goOn', 60);
  const replica = new pg.Client({ connectionString: bot.databaseUrl });
  await replica.connect();
  await replica.query('begin');
  await replica.query('select 1 from timers for update');
  expect(await recover()).toEqual({ status: 0, said: 'No timer is overdue by more than 30 s.\n' });
  await replica.end();
  expect(await events()).toEqual([]);
});

test('an invalid time span is rejected', async () => {
  const { status, said } = await recover('--older-than', 'soon');
  expect(said).toContain('--older-than "soon" is not a duration like 30s or 5m');
  expect(status).toBe(2);
});
