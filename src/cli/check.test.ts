import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { check as checkFile, type CheckOptions } from './check.ts';

const check = (options: CheckOptions): Promise<number> => checkFile({ ...options, provideImports: () => {} });

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-check-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function run(text: string): Promise<{ status: number; lines: string[] }> {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, text);
  const lines: string[] = [];
  const surroundings = { configPath: undefined, secretsDirectory: '/nowhere', logLevel: 'info', env: {} } as const;
  const status = await check({ path, print: (line) => lines.push(line.replaceAll(`${directory}/`, '')), surroundings });
  return { status, lines };
}

test('a good configuration is one line with counts', async () => {
  const { status, lines } = await run('connectors: { web: {} }\nrooms: { ops: { in: { web: ops } } }');
  expect(status).toBe(0);
  expect(lines[0]).toMatch(/^watchbell\.yaml: ok \(1 connector, 1 room, 0 people, 0 access rules, \d+ skills\)$/);
});

test('every problem is a line, then their number, and the status is 1', async () => {
  const { status, lines } = await run('connectors: { webb: {} }\nrooms: { ops: { in: { web: ops } } }\nnmae: x');
  expect(status).toBe(1);
  expect(lines).toEqual([
    'watchbell.yaml:1:15 connectors.webb: no platform is called "webb"; did you mean "web"?',
    'watchbell.yaml:2:23 rooms.ops.in.web: no connector is called "web"; did you mean "webb"?',
    'watchbell.yaml:3:1 nmae: unknown key; did you mean "name"?',
    '3 problems',
  ]);
});

test('a warning is printed and changes nothing', async () => {
  const { status, lines } = await run('connectors: { web: {} }\naccess: [{ deny: [everyone], commands: [helpp] }]');
  expect(status).toBe(0);
  expect(lines[0]).toBe(
    'warning: watchbell.yaml:2:41 access[0].commands[0]: no command begins with "helpp"; did you mean "help"?',
  );
});

test('skills of its own are read from directories relative to the file, and a broken one is a problem with its file', async () => {
  await mkdir(join(directory, 'mine', 'gong'), { recursive: true });
  await mkdir(join(directory, 'mine', 'broken'), { recursive: true });
  await writeFile(
    join(directory, 'mine', 'gong', 'index.js'),
    `export default { name: 'gong', commands: { 'gong': { help: 'x', run() {} } } };`,
  );
  await writeFile(join(directory, 'mine', 'broken', 'index.js'), 'throw new Error("no bell");');
  const { status, lines } = await run(
    'connectors: { web: {} }\nskillDirectories: [mine]\nskills: { gong: {}, broken: { a: 1 } }',
  );
  expect(status).toBe(1);
  expect(lines).toEqual([
    'mine/broken/index.js: the skill cannot be loaded: no bell',
    expect.stringContaining('skills.broken: this skill could not be loaded and is off'),
    '1 problem',
  ]);
});

test('two skills that claim one command are named', async () => {
  await mkdir(join(directory, 'mine', 'gong'), { recursive: true });
  await writeFile(
    join(directory, 'mine', 'gong', 'index.js'),
    `export default { name: 'gong', commands: { 'status': { help: 'x', run() {} } } };`,
  );
  const { status, lines } = await run('connectors: { web: {} }\nskillDirectories: [mine]');
  expect(status).toBe(1);
  expect(lines.join('\n')).toMatch(/status.*core.*gong|gong.*core|core.*gong/);
});

test('a configuration that is not there is one sentence', async () => {
  const lines: string[] = [];
  expect(await check({ path: join(directory, 'none.yaml'), print: (line) => lines.push(line) })).toBe(1);
  expect(lines[0]).toMatch(/there is no such file or directory/);
});

const LATER_SKILLS = ['jobs'];

test('the example of the reference is good, apart from platforms and skills that come later', async () => {
  const path = resolve(import.meta.dirname, '../../docs/reference/example.yaml');
  const lines: string[] = [];
  await check({
    path,
    print: (line) => lines.push(line),
    surroundings: { configPath: undefined, secretsDirectory: '/nowhere', logLevel: 'info', env: {} },
  });
  const later = (line: string): boolean =>
    line.endsWith('is not part of this release yet') ||
    LATER_SKILLS.some((skill) => line.includes(`no skill is called "${skill}"`));
  const problems = lines.filter((line) => line.includes('.yaml:'));
  expect(problems.filter((line) => !later(line))).toEqual([]);
  expect(problems.filter(later)).toHaveLength(4); // fewer, once they have come: then the words above can go
});
