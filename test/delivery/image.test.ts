import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');

test('the image holds no test and nothing of the contract of connectors, and nothing in it misses them', async () => {
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
  expect(kept.filter((file) => /\.test\.ts$|conformance/.test(file))).toEqual([]);
  for (const file of kept) {
    const text = await readFile(join(ROOT, file), 'utf8');
    for (const [, from = ''] of text.matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g)) {
      const imported = join(dirname(file), from);
      expect({ file, imported }).toEqual({ file, imported: expect.stringMatching(/^(src|skills)\//) });
      expect(gone).not.toContain(imported);
    }
  }
});
