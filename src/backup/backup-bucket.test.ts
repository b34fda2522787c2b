import { execFile, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KEY, KEY_ID, startFakeS3, type FakeS3 } from '../../test/fakes/s3/server.ts';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { until } from '../../test/harness/until.ts';
import { lastBackup } from './backup-record.ts';

const BIN = resolve(import.meta.dirname, '../../bin/watchbell.js');
const TO = 's3://bells/prod/eu';
let directory: string;
let database: OpenDatabase;
let s3: FakeS3;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-bucket-'));
  await writeFile(join(directory, 'watchbell.yaml'), 'connectors: { memory: {} }\n');
  database = await openDatabase();
  s3 = await startFakeS3();
  await watchbell(['migrate']);
});
afterEach(async () => {
  await s3.stop();
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

function watchbell(
  args: readonly string[],
  more: Record<string, string> = {},
  onChild: (child: ChildProcess) => void = () => {},
): Promise<{ status: number; output: string }> {
  const env = {
    ...{ PATH: process.env['PATH'], TMPDIR: directory, DATABASE_URL: database.url },
    // Otherwise each command, with its separate temporary directory, would compile the program again.
    NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
    ...{ AWS_ENDPOINT_URL: s3.endpoint, AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: KEY, ...more },
  };
  const node = ['--disable-warning=ExperimentalWarning', BIN];
  return new Promise((done) => {
    const child = execFile(process.execPath, [...node, ...args], { cwd: directory, env }, (error, stdout, stderr) =>
      done({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
    onChild(child);
  });
}
const leftHere = async (): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.startsWith('watchbell-on-its-way-'));
const kept = (): string[] => [...s3.objects.keys()].toSorted();

test('backup keeps the newest backups in the bucket and other objects, and restore takes the newest', async () => {
  s3.objects.set('bells/prod/eu/notes & more.txt', Buffer.from('x'));
  s3.objects.set('bells/prod/eu-2/watchbell-2020-01-01T00-00-00-000Z.jsonl.gz', Buffer.from('x'));
  for (let nth = 0; nth < 4; nth++)
    expect(await watchbell(['backup', '--to', TO, '--keep', '2'])).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^s3:\/\/bells\/prod\/eu\/watchbell-.*Z\.jsonl\.gz: \d+ rows of \d+ tables/),
    });
  const backups = kept().filter((key) => key.startsWith('bells/prod/eu/watchbell-'));
  expect(kept()).toHaveLength(2 + backups.length);
  expect(backups).toHaveLength(2);
  const [older = '', newest = ''] = backups;
  expect((await watchbell(['restore', '--check', TO])).output).toContain(`s3://${newest} is complete`);
  expect((await watchbell(['restore', '--check', `s3://${older}`])).output).toContain(`s3://${older} is complete`);
  expect(await watchbell(['restore', TO])).toMatchObject({ status: 0, output: expect.stringContaining('Restored') });
  expect(await leftHere()).toEqual([]);
});

test('a request to a busy store is retried', async () => {
  s3.busy = 2;
  expect(await watchbell(['backup', '--to', TO])).toMatchObject({ status: 0 });
  expect(kept()).toHaveLength(1);
});

test('a damaged upload is rejected, and no older backup is deleted for it', async () => {
  await watchbell(['backup', '--to', TO]);
  const before = kept();
  s3.damaging = true;
  expect(await watchbell(['backup', '--to', TO, '--keep', '1'])).toEqual({
    status: 2,
    output: expect.stringContaining(`${TO}: XAmzContentSHA256Mismatch`),
  });
  expect(kept()).toEqual(before);
});

test('a success response without a stored object is not a backup', async () => {
  await watchbell(['backup', '--to', TO]);
  const [before, recorded] = [kept(), await lastBackup(database.database.query)];
  s3.forgetting = true;
  expect(await watchbell(['backup', '--to', TO, '--keep', '1'])).toEqual({
    status: 2,
    output: expect.stringContaining(`${TO}: the backup is missing after the upload; check AWS_ENDPOINT_URL`),
  });
  expect([kept(), await lastBackup(database.database.query)]).toEqual([before, recorded]);
});

test('a key that cannot read its upload makes no valid backup', async () => {
  s3.denied.add('HEAD');
  expect(await watchbell(['backup', '--to', TO])).toEqual({
    status: 2,
    output: expect.stringContaining('the key cannot read it: allow s3:GetObject'),
  });
  expect(await lastBackup(database.database.query)).toBeUndefined();
});

test('a key that cannot list or delete makes a valid backup, and older ones stay', async () => {
  for (const asking of ['DELETE', 'LIST'] as const) {
    await watchbell(['backup', '--to', TO]);
    const before = kept();
    s3.denied.add(asking);
    expect(await watchbell(['backup', '--to', TO, '--keep', '1'])).toEqual({
      status: 0,
      output: expect.stringContaining(
        `watchbell: the backup was made, but older ones could not be deleted: ${TO}: AccessDenied: Access Denied; check`,
      ),
    });
    expect(kept()).toEqual([...before, expect.stringContaining('bells/prod/eu/watchbell-')]);
    s3.denied.clear();
  }
  expect(await lastBackup(database.database.query)).toBeGreaterThan(0);
});

test('the backup just written is kept, even if the clock is behind', async () => {
  s3.objects.set('bells/prod/eu/watchbell-2099-01-01T00-00-00-000Z.jsonl.gz', Buffer.from('x'));
  s3.objects.set('bells/prod/eu/watchbell-2098-01-01T00-00-00-000Z.jsonl.gz', Buffer.from('x'));
  const { output } = await watchbell(['backup', '--to', TO, '--keep', '1']);
  expect(kept()).toEqual([/^s3:\/\/(\S+): /.exec(output)?.[1]]);
});

describe('interrupted', () => {
  /** Kills a backup during the upload. */
  async function endedBy(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    s3.silent = true;
    s3.asked.length = 0;
    let running: ChildProcess | undefined;
    const ended = watchbell(['backup', '--to', TO], {}, (child) => (running = child));
    await until(() => s3.asked.includes('PUT'));
    expect(await leftHere()).toHaveLength(1);
    running?.kill(signal);
    await ended;
    s3.silent = false;
  }

  test('by SIGTERM, it leaves no files behind', async () => {
    await endedBy('SIGTERM');
    expect(await leftHere()).toEqual([]);
  });

  test('by kill -9, it leaves files that a later run deletes once they are old', async () => {
    await endedBy('SIGKILL');
    expect(await watchbell(['backup', '--to', TO])).toMatchObject({ status: 0 });
    const [left = ''] = await leftHere();
    await utimes(join(directory, left), 0, 0);
    expect(await watchbell(['restore', '--check', TO])).toMatchObject({ status: 0 });
    expect(await leftHere()).toEqual([]);
  });
});

test('a server that is not S3 is reported', async () => {
  await watchbell(['backup', '--to', TO]);
  const [one] = kept();
  s3.isPage = true;
  for (const [args, message] of [
    [['backup', '--to', TO], `${TO}: the backup is missing after the upload; check AWS_ENDPOINT_URL`],
    [['restore', '--check', TO], `${s3.endpoint} answers, but is not S3: check AWS_ENDPOINT_URL`],
    [
      ['restore', '--check', `s3://${one}`],
      `s3://${one} is not a complete backup: incorrect header check; use another one`,
    ],
  ] as const)
    expect(await watchbell(args)).toEqual({ status: 2, output: `watchbell: ${message}\n` });
});

test('impossible requests are rejected in one sentence with the remedy', async () => {
  const rejected: [string[], Record<string, string>, string][] = [
    [['backup', '--to', 's3:///prod'], {}, 'has no bucket: write s3://BUCKET/PREFIX'],
    [['backup', '--to', 's3://bell/prod'], {}, 's3://bell/prod: NoSuchBucket: The specified bucket does not exist;'],
    [['backup', '--to', TO], { AWS_ENDPOINT_URL: '' }, 'AWS_ENDPOINT_URL is not an address: write https://HOST'],
    [['restore', 'gs://bells/prod'], {}, 'gs:…: name a directory, or write s3://BUCKET/PREFIX'],
    [['backup', '--to', TO], { AWS_ACCESS_KEY_ID: '' }, 'needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
    [['backup', '--to', TO], { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'SignatureDoesNotMatch: The signature & the key'],
    [['backup', '--to', TO], { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, 'cannot be reached'],
    [['restore', TO], {}, `no backup in ${TO}`],
    [['restore', `${TO}/watchbell-2020-01-01T00-00-00-000Z.jsonl.gz`], {}, 'NoSuchKey'],
  ];
  for (const [args, env, message] of rejected) {
    const { status, output } = await watchbell(args, env);
    expect({ args, status, output }).toEqual({ args, status: 2, output: expect.stringContaining(message) });
    expect(output.trim()).not.toContain('\n');
    expect(output).not.toContain(KEY);
  }
  expect(kept()).toEqual([]);
});
