import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');

test('the image contains no tests and no connector conformance suite, and nothing in it imports them', async () => {
  const [, find = ''] =
    /^RUN (find src skills .*) -delete$/m.exec(await readFile(join(ROOT, 'Dockerfile'), 'utf8')) ?? [];
  const { stdout } = await promisify(execFile)('sh', ['-c', find], { cwd: ROOT });
  const gone = new Set(stdout.trim().split('\n'));
  const kept: string[] = [];
  for (const directory of ['src', 'skills'])
    for (const entry of await readdir(join(ROOT, directory), { recursive: true, withFileTypes: true })) {
      const file = relative(ROOT, join(entry.parentPath, entry.name));
      if (entry.isFile() && file.endsWith('.ts') && !gone.has(file)) kept.push(file);
    }
  expect(kept.filter((file) => /\.test\.ts$|conformance|^skills\/.*\/test-/.test(file))).toEqual([]);
  for (const file of kept) {
    const text = await readFile(join(ROOT, file), 'utf8');
    for (const [, from = ''] of text.matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g)) {
      const imported = join(dirname(file), from);
      expect({ file, imported }).toEqual({ file, imported: expect.stringMatching(/^(src|skills)\//) });
      expect(gone).not.toContain(imported);
    }
  }
});

test('a read-only compile cache that another user id filled is used', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'watchbell-cache-'));
  const run = async (user: object, env: object = {}): Promise<string> => {
    const options = { ...user, env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: cache, ...env } };
    const bin = [join(ROOT, 'bin/watchbell.js'), '--version'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, bin, options);
    return stdout + stderr;
  };
  try {
    await run({});
    const [filled = ''] = await readdir(cache);
    const other = `${process.getuid?.() ?? 0}1`;
    await rename(join(cache, filled), join(cache, filled.replace(/\d+$/, other)));
    // As the image does it, because Node writes the cache readable for its user only.
    await promisify(execFile)('chmod', ['-R', 'a+rX,a-w', cache]);
    // Root can write anywhere.
    const user = process.getuid?.() === 0 ? { uid: 54_321, gid: 54_321 } : {};
    const said = await run(user, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
    expect(said).toMatch(/src\/main\.ts\b.* was accepted/);
  } finally {
    await chmod(cache, 0o755);
    await rm(cache, { recursive: true, force: true });
  }
});
