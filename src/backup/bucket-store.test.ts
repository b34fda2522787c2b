import { mkdtemp, readdir, readFile, rm, truncate, utimes, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEY, KEY_ID, startFakeS3, type FakeS3 } from '../../test/fakes/s3/server.ts';
import { bucket } from './backup-bucket.ts';
import type { BackupPlace } from './backup-place.ts';

const NAME = 'watchbell-2026-01-05T03-17-00-000Z.jsonl.gz';
let through: string;
let s3: FakeS3;
let place: BackupPlace;

beforeEach(async () => {
  through = await mkdtemp(join(tmpdir(), 'watchbell-store-'));
  s3 = await startFakeS3();
  const env = { AWS_ENDPOINT_URL: s3.endpoint, AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: KEY };
  place = bucket('s3://bells/prod', through, env, 1);
});
afterEach(async () => {
  await s3.stop();
  await rm(through, { recursive: true, force: true });
});

const write = (content: string): Promise<void> => place.write(NAME, (path) => writeFile(path, content));
const read = (): Promise<string> => place.read(NAME, (path) => readFile(path, 'utf8'));
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('every request is retried after a broken connection', async () => {
  for (const work of [() => write('a backup'), read, () => place.list(), () => place.remove(NAME)]) {
    s3.dropping = 2;
    await work();
  }
  expect(s3.asked).toEqual([
    ...['PUT', 'PUT', 'PUT', 'HEAD', 'GET', 'GET', 'GET', 'LIST', 'LIST', 'LIST', 'DELETE', 'DELETE', 'DELETE'],
  ]);
  expect(s3.objects.size).toBe(0);
});

test('a truncated response is requested again, and none of it is kept', async () => {
  await write('a backup');
  s3.cutting = 2;
  expect(await read()).toBe('a backup');
  s3.cutting = 1;
  expect(await place.list()).toEqual([NAME]);
});

test.each([
  ['no answer', { dropping: 99 }, 'GET', /^http:\S+ cannot be reached \(.+\): check AWS_ENDPOINT_URL, and whether/],
  ['half an answer', { cutting: 99 }, 'GET', /^http:\S+ cannot be reached \(.+\): check AWS_ENDPOINT_URL, and whether/],
  ['too many requests', { busy: 99 }, 'GET', /^s3:\/\/bells\/prod: SlowDown: Please reduce .* rate; try again later$/],
])('after %s five times, one sentence is reported', async (_, fault, asking, message) => {
  await write('a backup');
  s3.asked.length = 0;
  Object.assign(s3, fault);
  expect(await failureOf(read())).toMatchObject({ code: 'WB_START_FAILED', message: expect.stringMatching(message) });
  expect(s3.asked).toEqual(Array.from({ length: 5 }, () => asking));
  expect(await readdir(through)).toEqual([]);
});

test('a rejected request is not retried', async () => {
  s3.denied.add('PUT');
  expect(await failureOf(write('a backup'))).toMatchObject({
    code: 'WB_START_FAILED',
    message:
      's3://bells/prod: AccessDenied: Access Denied; check the address and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and their permissions',
  });
  expect(s3.asked).toEqual(['PUT']);
});

test('a bucket in another region is reported with that region', async () => {
  s3.region = 'eu-central-1';
  expect(await failureOf(write('a backup'))).toMatchObject({
    code: 'WB_START_FAILED',
    message:
      's3://bells/prod: PermanentRedirect: Please send all future requests to this endpoint; the bucket is in eu-central-1: set AWS_REGION to that',
  });
  expect(s3.asked).toEqual(['PUT']);
});

test('a file that is too large for one upload is not sent, and a directory is suggested', async () => {
  const work = place.write(NAME, async (path) => {
    await writeFile(path, '');
    await truncate(path, 4 * 1024 ** 3);
  });
  expect(await failureOf(work)).toMatchObject({
    code: 'WB_START_FAILED',
    message: expect.stringContaining(
      'the backup has 4.0 GB, but an object is limited to 4 GB: write it to a directory, or keep less',
    ),
  });
  expect(s3.asked).toEqual([]);
  expect(await readdir(through)).toEqual([]);
});

test('other failures are reported unchanged', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
  const failing = (): Promise<never> => Promise.reject(refused);
  expect(await failureOf(place.write(NAME, failing))).toBe(refused);
  await write('a backup');
  expect(await failureOf(place.read(NAME, failing))).toBe(refused);
  const env = { AWS_ENDPOINT_URL: s3.endpoint, AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: KEY };
  const nowhere = bucket('s3://bells/prod', join(through, 'nowhere'), env, 1);
  expect(await failureOf(nowhere.read(NAME, failing))).toMatchObject({
    message: expect.stringMatching(/nowhere: ENOENT.*choose a writable directory with enough space$/),
  });
});

test('only old leftovers of other runs are deleted', async () => {
  const names = ['watchbell-on-its-way-Abc123', 'watchbell-on-its-way-Def456', 'watchbell-backup-weekly'];
  for (const name of names) {
    await mkdir(join(through, name));
    await writeFile(join(through, name, NAME), 'everything');
    if (name !== 'watchbell-on-its-way-Def456') await utimes(join(through, name), 0, 0);
  }
  await write('a backup');
  expect((await readdir(through)).toSorted()).toEqual(['watchbell-backup-weekly', 'watchbell-on-its-way-Def456']);
});
