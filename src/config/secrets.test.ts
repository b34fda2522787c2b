import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { messageOf } from '../errors.ts';
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
  await writeFile(join(directory, 'b'), 'line 1\nline 2\n\n');
  await writeFile(join(directory, 'c'), 'hunter2\r\n');
  expect(await secrets.read({ file: 'a' })).toBe('hunter2');
  expect(await secrets.readLines({ file: 'b' })).toBe('line 1\nline 2\n');
  expect(await secrets.read({ file: 'c' })).toBe('hunter2');
  expect(await secrets.read({ env: 'TOKEN' })).toBe('from-env');
});

test('an absolute file is read where it is', async () => {
  const path = join(directory, 'absolute');
  await writeFile(path, 'x');
  expect(await createSecrets({ directory: '/nowhere', env: {} }).read({ file: path })).toBe('x');
});

test('a rotated file is picked up after a second, also through Kubernetes symlinks', async () => {
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

test('a missing file is reported with the remedy, and found as soon as it exists', async () => {
  await expect(secrets.read({ file: 'late' })).rejects.toThrow(
    `there is no secret file ${directory}/late: create it, or set WATCHBELL_SECRETS to its directory`,
  );
  await writeFile(join(directory, 'late'), 'x');
  expect(await secrets.read({ file: 'late' })).toBe('x');
});

test('an empty secret is rejected, because it would equal a missing token', async () => {
  await writeFile(join(directory, 'empty'), '\n');
  await expect(secrets.read({ file: 'empty' })).rejects.toThrow('is empty');
  await expect(secrets.read({ env: 'EMPTY' })).rejects.toThrow('EMPTY is empty');
  await expect(secrets.read({ env: 'NONE' })).rejects.toThrow('NONE is not set');
});

test('a directory or a huge file is rejected without showing its contents', async () => {
  await mkdir(join(directory, 'folder'));
  await writeFile(join(directory, 'huge'), 'hunter2'.repeat(20_000));
  await expect(secrets.read({ file: 'folder' })).rejects.toMatchObject({ code: 'WB_SECRET_MISSING' });
  await expect(secrets.read({ file: 'huge' })).rejects.toThrow(
    /^the secret file \S+ is larger than 64 KiB: is it the right one\?$/,
  );
});

test.each([
  ['two lines', 'hunter2-old\nhunter2-new\n', 'more than one line (character 12)'],
  ['two newlines at its end', 'hunter2-old\n\n', 'more than one line (character 12)'],
  ['a carriage return', 'hunter2\rhunter2', 'more than one line (character 8)'],
  ['NUL', 'hunter2\u0000', 'a control character (character 8)'],
  ['a tab', '\thunter2', 'a control character (character 1)'],
  ['a byte order mark', '\ufeffhunter2', 'a byte order mark (character 1)'],
  ['another encoding', Buffer.from([0x68, 0xfc, 0x6e]), 'a character that is not UTF-8 (character 2)'],
])('a secret with %s is rejected, with its file but not its value', async (_what, content, message) => {
  await writeFile(join(directory, 'token'), content);
  await expect(secrets.read({ file: 'token' })).rejects.toMatchObject({
    code: 'WB_SECRET_MISSING',
    gone: false,
    message: `the secret file ${directory}/token has ${message}: write the secret alone, on one line of UTF-8`,
  });
});

test('a secret that was read is masked in errors from then on, also a rejected one, line by line', async () => {
  await writeFile(join(directory, 'good'), 'hunter2-hunter2');
  await writeFile(join(directory, 'lines'), 'first-hunter\nsecond-hunter');
  await secrets.read({ file: 'good' });
  await expect(secrets.read({ file: 'lines' })).rejects.toThrow('more than one line');
  expect(messageOf(new Error('no such user hunter2-hunter2, second-hunter'))).toBe(
    'no such user [redacted], [redacted]',
  );
});

test('a missing secret is distinguished from an unusable one', async () => {
  await writeFile(join(directory, 'empty'), '\n');
  await mkdir(join(directory, 'folder'));
  await expect(secrets.read({ file: 'none' })).rejects.toMatchObject({ gone: true });
  await expect(secrets.read({ file: 'empty' })).rejects.toMatchObject({ gone: true });
  await expect(secrets.read({ env: 'NONE' })).rejects.toMatchObject({ gone: true });
  await expect(secrets.read({ file: 'folder' })).rejects.toMatchObject({ gone: false });
});

test('any file yields one clean line, or an error that quotes none of its bytes', async () => {
  const path = join(directory, 'fuzzed');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      await writeFile(path, bytes);
      const fresh = createSecrets({ directory, env: {} });
      const outcome = await fresh.read({ file: path }).then(
        (value) => ({ value }),
        (error: unknown) => ({ message: messageOf(error) }),
      );
      if ('value' in outcome) expect(() => new Headers({ authorization: encodeURI(outcome.value) })).not.toThrow();
      else expect(outcome.message.replace(path, '')).toMatch(/^(the|there is no) secret file {1,2}[ -~]{10,100}$/);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 200) },
  );
});
