import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KEY, KEY_ID, startFakeS3, type FakeS3 } from '../../test/fakes/s3/server.ts';
import { createDatabase, type TestDatabase } from '../../test/harness/postgres.ts';

const BIN = resolve(import.meta.dirname, '../../bin/watchbell.js');
const TO = 's3://bells/prod/eu';
let directory: string;
let database: TestDatabase;
let s3: FakeS3;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-bucket-'));
  await writeFile(join(directory, 'watchbell.yaml'), 'connectors: { memory: {} }\n');
  database = await createDatabase();
  s3 = await startFakeS3();
  await watchbell(['migrate']);
});
afterEach(async () => {
  await s3.stop();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function watchbell(
  args: readonly string[],
  more: Record<string, string> = {},
): Promise<{ status: number; output: string }> {
  const env = {
    ...{ PATH: process.env['PATH'], TMPDIR: directory, DATABASE_URL: database.url },
    ...{ AWS_ENDPOINT_URL: s3.endpoint, AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: KEY, ...more },
  };
  const node = ['--disable-warning=ExperimentalWarning', BIN];
  return new Promise((done) => {
    execFile(process.execPath, [...node, ...args], { cwd: directory, env }, (error, stdout, stderr) =>
      done({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}
const kept = (): string[] => [...s3.objects.keys()].toSorted();

test('the newest are kept in the bucket, other objects are left alone, and the newest is what is restored', async () => {
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
  expect((await watchbell(['restore', '--check', TO])).output).toContain(`s3://${newest} is whole`);
  expect((await watchbell(['restore', '--check', `s3://${older}`])).output).toContain(`s3://${older} is whole`);
  expect(await watchbell(['restore', TO])).toMatchObject({ status: 0, output: expect.stringContaining('Restored') });
  // Nothing is left on this machine.
  expect((await readdir(directory)).filter((name) => name.startsWith('watchbell-'))).toEqual([]);
});

test('a store that is busy for a moment is asked again', async () => {
  s3.busy = 2;
  expect(await watchbell(['backup', '--to', TO])).toMatchObject({ status: 0 });
  expect(kept()).toHaveLength(1);
});

test('what arrives damaged is refused, and no older backup goes for it', async () => {
  await watchbell(['backup', '--to', TO]);
  const before = kept();
  s3.damaging = true;
  expect(await watchbell(['backup', '--to', TO, '--keep', '1'])).toEqual({
    status: 2,
    output: expect.stringContaining(`${TO}: XAmzContentSHA256Mismatch`),
  });
  expect(kept()).toEqual(before);
});

test('what cannot be is one sentence that names the remedy', async () => {
  const cannot: [string[], Record<string, string>, string][] = [
    [['backup', '--to', 's3:///prod'], {}, 'names no bucket: write s3://BUCKET/PREFIX'],
    [['backup', '--to', TO], { AWS_ACCESS_KEY_ID: '' }, 'needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
    [['backup', '--to', TO], { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'SignatureDoesNotMatch: The signature & the key'],
    [['backup', '--to', TO], { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, 'cannot be reached'],
    [['restore', TO], {}, `no backup in ${TO}`],
    [['restore', `${TO}/watchbell-2020-01-01T00-00-00-000Z.jsonl.gz`], {}, 'NoSuchKey'],
  ];
  for (const [args, env, says] of cannot) {
    const { status, output } = await watchbell(args, env);
    expect({ args, status, output }).toEqual({ args, status: 2, output: expect.stringContaining(says) });
    expect(output.trim()).not.toContain('\n');
    expect(output).not.toContain(KEY);
  }
  expect(kept()).toEqual([]);
});
