import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const scripts = (await readdir(join(ROOT, 'scripts'))).filter((name) => name.endsWith('.sh'));

test.each(scripts)('%s explains itself, and refuses what it does not know', async (script) => {
  const path = join(ROOT, 'scripts', script);
  expect((await run(path, ['--help'])).stdout).toMatch(new RegExp(`^usage: scripts/${script}`));
  await expect(run(path, ['--no-such-option'])).rejects.toMatchObject({ code: 2 });
});

test('a tag is released only when everything says the same version', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-release-'));
  try {
    for (const file of [
      'package.json',
      'package-lock.json',
      'CHANGELOG.md',
      'charts/watchbell/Chart.yaml',
      'scripts/release.sh',
    ])
      await cp(join(ROOT, file), join(directory, file));
    const script = join(directory, 'scripts/release.sh');
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const log = join(directory, 'CHANGELOG.md');
    await writeFile(log, (await readFile(log, 'utf8')).replace('## Unreleased', `## ${version} - 2026-12-01`));
    expect((await run(script, [`v${version}`])).stdout).toContain('may be published');
    await expect(run(script, ['v99.0.0'])).rejects.toMatchObject({
      stderr: expect.stringMatching(/package\.json[\s\S]*package-lock\.json[\s\S]*appVersion[\s\S]*CHANGELOG/),
    });
    await writeFile(log, '# Changelog\n\n## Unreleased\n');
    await expect(run(script, [`v${version}`])).rejects.toMatchObject({
      stderr: expect.stringContaining('CHANGELOG.md'),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
