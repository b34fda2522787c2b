import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecrets, type Secrets } from './secrets.ts';

let directory = '';
let now = 0;
let secrets: Secrets;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-secrets-'));
  now = 0;
  secrets = createSecrets({ directory, env: { TOKEN: 'from-env\n', EMPTY: '' }, nowMs: () => now });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('one trailing newline is cut, not two', async () => {
  await writeFile(join(directory, 'a'), 'hunter2\n');
  await writeFile(join(directory, 'b'), 'hunter2\n\n');
  await writeFile(join(directory, 'c'), 'hunter2\r\n');
  expect(await secrets.read({ file: 'a' })).toBe('hunter2');
  expect(await secrets.read({ file: 'b' })).toBe('hunter2\n');
  expect(await secrets.read({ file: 'c' })).toBe('hunter2');
  expect(await secrets.read({ env: 'TOKEN' })).toBe('from-env');
});

test('an absolute file is read where it is', async () => {
  const path = join(directory, 'absolute');
  await writeFile(path, 'x');
  expect(await createSecrets({ directory: '/nowhere', env: {} }).read({ file: path })).toBe('x');
});

test('a rotated file is picked up after a second, also through the links of Kubernetes', async () => {
  for (const version of ['1', '2']) {
    await mkdir(join(directory, `..v${version}`));
    await writeFile(join(directory, `..v${version}`, 'token'), `secret-${version}`);
  }
  await symlink('..v1', join(directory, '..data'));
  await symlink(join('..data', 'token'), join(directory, 'token'));
  expect(await secrets.read({ file: 'token' })).toBe('secret-1');
  await symlink('..v2', join(directory, '..next'));
  await rename(join(directory, '..next'), join(directory, '..data'));
  now = 999;
  expect(await secrets.read({ file: 'token' })).toBe('secret-1');
  now = 1000;
  expect(await secrets.read({ file: 'token' })).toBe('secret-2');
});

test('a missing file is named with the remedy, and found as soon as it is there', async () => {
  await expect(secrets.read({ file: 'late' })).rejects.toThrow(
    `there is no secret file ${directory}/late: create it, or say with WATCHBELL_SECRETS where it lies`,
  );
  await writeFile(join(directory, 'late'), 'x');
  expect(await secrets.read({ file: 'late' })).toBe('x');
});

test('an empty secret is none: it would be equal to no token at all', async () => {
  await writeFile(join(directory, 'empty'), '\n');
  await expect(secrets.read({ file: 'empty' })).rejects.toThrow('is empty');
  await expect(secrets.read({ env: 'EMPTY' })).rejects.toThrow('EMPTY is empty');
  await expect(secrets.read({ env: 'NONE' })).rejects.toThrow('NONE is not set');
});

test('a directory or a huge file is refused without its contents', async () => {
  await mkdir(join(directory, 'folder'));
  await writeFile(join(directory, 'huge'), 'hunter2'.repeat(20_000));
  await expect(secrets.read({ file: 'folder' })).rejects.toMatchObject({ code: 'WB_SECRET_MISSING' });
  await expect(secrets.read({ file: 'huge' })).rejects.toThrow(
    /^the secret file \S+ is larger than 64 KiB: is it the right one\?$/,
  );
});
