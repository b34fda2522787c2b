import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { until } from '../../test/harness/until.ts';

const BIN = resolve(import.meta.dirname, '../../bin/watchbell.js');
let directory: string;
let to: string;
let database: TestDatabase;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-backup-cli-'));
  to = join(directory, 'backups');
  await writeFile(join(directory, 'watchbell.yaml'), 'connectors: { memory: {} }\n');
  database = await createDatabase();
  await watchbell('migrate');
});
afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** Runs a command to its end. */
function watchbell(...args: string[]): Promise<{ status: number; output: string }> {
  return watchbellAs(database.url, ...args);
}

function watchbellAs(url: string, ...args: string[]): Promise<{ status: number; output: string }> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: url };
  return new Promise((done) => {
    execFile(process.execPath, [BIN, ...args], { cwd: directory, env }, (error, stdout, stderr) =>
      done({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

test('backup keeps the newest backups and other files, and restore takes the newest', async () => {
  for (let nth = 0; nth < 3; nth++)
    expect(await watchbell('backup', '--to', to, '--keep', '2')).toMatchObject({ status: 0 });
  expect(await readdir(to)).toHaveLength(2);
  for (const name of ['notes.txt', 'watchbell-old.jsonl.gz.partial', 'watchbell-new.jsonl.gz.partial'])
    await writeFile(join(to, name), '');
  await utimes(join(to, 'watchbell-old.jsonl.gz.partial'), 0, 0);
  await watchbell('backup', '--to', to, '--keep', '1');
  const newest = (await readdir(to)).find((name) => /^watchbell-2.*Z\.jsonl\.gz$/.test(name)) ?? '';
  expect(new Set(await readdir(to))).toEqual(new Set([newest, 'notes.txt', 'watchbell-new.jsonl.gz.partial']));
  expect(await watchbell('restore', '--check', to)).toMatchObject({
    status: 0,
    output: expect.stringContaining(`${newest} is complete`),
  });
  expect(await watchbell('restore', to)).toMatchObject({
    status: 0,
    output: expect.stringMatching(/Restored[^]*none is used twice: alert 10001, .*audit 10001/),
  });
});

test('a signal during a backup leaves no partial file behind', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // This table is locked, so the backup gets stuck halfway.
  await client.query('begin; lock table messages in access exclusive mode');
  const env = { PATH: process.env['PATH'], DATABASE_URL: database.url };
  const running = spawn(process.execPath, [BIN, 'backup', '--to', to], { cwd: directory, env, stdio: 'ignore' });
  const ended = once(running, 'exit');
  await until(async () => (await readdir(to).catch(() => [])).some((name) => name.endsWith('.partial')));
  running.kill('SIGTERM');
  await ended;
  await client.end();
  expect(await readdir(to)).toEqual([]);
});

test('a database without tables, or whose user may not read them, is reported in one sentence', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const role = `reader_${randomUUID().replaceAll('-', '')}`;
  await client.query(`create role ${role} login password 'x'`);
  const address = new URL(database.url);
  [address.username, address.password] = [role, 'x'];
  expect(await watchbellAs(address.href, 'messages', 'dead')).toEqual({
    status: 2,
    output: expect.stringMatching(
      /^watchbell: the database at [\d.:]+ does not allow that: .* \(permission denied for table \w+\)\n$/,
    ),
  });
  await client.query(`drop role ${role}; drop schema public cascade; create schema public`);
  for (const args of [
    ['backup', '--to', to],
    ['messages', 'dead'],
  ])
    expect(await watchbell(...args)).toEqual({
      status: 2,
      output: expect.stringMatching(
        /^watchbell: the database at [\d.:]+ lacks tables of this release: start the bot or .* \(relation "\w+" does not exist\)\n$/,
      ),
    });
  await client.end();
});

test('impossible requests are rejected and change nothing', async () => {
  await mkdir(to);
  const rejected: [string[], string][] = [
    [['backup', '--to', to, '--keep', 'many'], '--keep'],
    [['backup'], '--to'],
    [['restore', join(directory, 'nothing')], 'there is no'],
    [['restore', to], 'no backup in'],
  ];
  for (const [args, message] of rejected)
    expect(await watchbell(...args)).toEqual({ status: 2, output: expect.stringContaining(message) });
  expect(await readdir(to)).toEqual([]);
});
