/** Runs what `writing-a-skill.md` shows: a fenced block whose info string names a file is that file. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '..');
const BLOCK = /^```\w+ (\S+)\n(.*?)^```$/gms;

let directory: string;
let files: ReadonlyMap<string, string>;

/** Laid out as the page tells authors of a directory of their own to do it. */
beforeAll(async () => {
  const page = await readFile(join(import.meta.dirname, 'writing-a-skill.md'), 'utf8');
  files = new Map(
    [...page.matchAll(BLOCK)].map(([, name = '', content = '']) => [name.replace(/^team\//, ''), content]),
  );
  directory = await mkdtemp(join(tmpdir(), 'watchbell-docs-'));
  for (const [name, content] of files) {
    await mkdir(join(directory, dirname(name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  await mkdir(join(directory, 'node_modules'));
  await symlink(ROOT, join(directory, 'node_modules/watchbell'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test('every test on the page passes', async () => {
  // --forceExit: a test that fails leaves its bot running, and that must not hold up this one.
  const config = {
    testEnvironment: 'node',
    transform: {},
    extensionsToTreatAsEsm: ['.ts'],
    moduleFileExtensions: ['ts', 'js', 'json'],
    testMatch: ['**/*.test.ts'],
    testTimeout: 60_000,
  };
  const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
  const { stdout } = await run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      jest,
      '--json',
      '--runInBand',
      '--forceExit',
      '--rootDir',
      directory,
      '--config',
      JSON.stringify(config),
    ],
    { cwd: directory, maxBuffer: 16 * 1024 ** 2, timeout: 110_000 },
  ).catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`${error.stderr ?? ''}\n${error.stdout ?? ''}`);
  });
  const { numPassedTests, numFailedTests, numTotalTestSuites } = JSON.parse(stdout) as Record<string, number>;
  const shown = [...files.keys()].filter((name) => name.endsWith('.test.ts')).length;
  expect({ failed: numFailedTests, suites: numTotalTestSuites }).toEqual({ failed: 0, suites: shown });
  expect(numPassedTests).toBeGreaterThanOrEqual(shown);
}, 120_000);

test('every skill on the page is loaded by the program from a directory of its own', async () => {
  const { stdout } = await run(
    process.execPath,
    [join(ROOT, 'bin/watchbell.js'), 'skills', '--config', await configuration()],
    { cwd: directory },
  );
  const skills = [...files.keys()].filter((name) => name.endsWith('/index.ts')).map((name) => dirname(name));
  for (const skill of skills) expect(stdout).toContain(`${skill}: `);
}, 60_000);

test('the configurations in the README and the first steps have no problem', async () => {
  const blocks = async (page: string, key: string): Promise<string> => {
    const text = await readFile(join(ROOT, page), 'utf8');
    return (
      [...text.matchAll(/^```yaml\n(.*?)^```$/gms)]
        .map(([, block = '']) => block)
        .find((block) => block.includes(`${key}:\n`)) ?? ''
    );
  };
  const steps = join(directory, 'first-steps');
  await mkdir(steps, { recursive: true });
  await writeFile(join(steps, 'matrix.yaml'), await blocks('docs/connecting-matrix.md', 'connectors'));
  await writeFile(join(steps, 'alertmanager.yaml'), await blocks('docs/connecting-alertmanager.md', 'skills'));
  const slack = join(directory, 'slack.yaml');
  await writeFile(slack, await blocks('docs/connecting-slack.md', 'connectors'));
  const readme = join(directory, 'readme.yaml');
  await writeFile(readme, await blocks('README.md', 'connectors'));
  for (const path of [steps, slack, readme, await configuration()]) {
    const { stdout } = await run(process.execPath, [join(ROOT, 'bin/watchbell.js'), 'check', path], {
      cwd: directory,
    }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
    expect(stdout).toMatch(/: ok \([1-9]\d* connector/);
  }
}, 60_000);

/** What the page shows for `standup`, plus the directory. */
async function configuration(): Promise<string> {
  const file = join(directory, 'watchbell.yaml');
  await writeFile(file, `skillDirectories: [${directory}]\n${files.get('standup/watchbell.yaml') ?? ''}`);
  return file;
}
