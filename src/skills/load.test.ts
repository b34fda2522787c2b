import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUILT_IN_SKILLS, loadSkills } from './load.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-skills-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
}
const good = (name: string): string => `export default { name: '${name}', commands: {} };`;
const names = (loaded: Awaited<ReturnType<typeof loadSkills>>): string[] => loaded.skills.map((one) => one.skill.name);

test('folders are loaded by name, each with its migrations, and other files are ignored', async () => {
  await put('b/index.js', good('bravo'));
  await put('a/index.mjs', good('alpha'));
  await put('b/migrations/001-first.sql', 'select 1');
  await put('README.md', 'about');
  await put('empty/notes.md', 'nothing here');
  await put('.hidden/index.js', good('hidden'));
  const loaded = await loadSkills([directory]);
  expect(loaded.broken).toEqual([]);
  expect(names(loaded)).toEqual(['alpha', 'bravo']);
  expect(loaded.skills[1]?.migrations).toEqual({
    skill: 'bravo',
    migrations: [{ number: 1, name: 'first', sql: 'select 1' }],
  });
});

test.each([
  ['a syntax error', 'export default {{', /./],
  ['an error while it loads', `throw new Error('no kettle')`, /no kettle/],
  ['a missing import', `import './gone.js'; export default {};`, /gone\.js/],
  ['no default export', 'export const x = 1;', /no default export made by defineSkill/],
  ['a default export without a name', 'export default {};', /no default export made by defineSkill/],
  ['an invalid name', `export default { name: 'Bad Name' };`, /"Bad Name" is not a valid name for a skill/],
  ['the name of the core', `export default { name: 'core' };`, /"core" is not a valid name/],
])('a skill with %s is reported with file and reason, and does not affect the others', async (_, text, reason) => {
  await put('a/index.js', good('alpha'));
  await put('bad/index.js', text);
  await put('z/index.js', good('zulu'));
  const loaded = await loadSkills([directory]);
  expect(names(loaded)).toEqual(['alpha', 'zulu']);
  expect(loaded.broken).toEqual([{ file: join(directory, 'bad', 'index.js'), reason: expect.stringMatching(reason) }]);
});

test('a directory that is listed twice, in different spellings, is read once', async () => {
  await put('a/index.js', good('alpha'));
  const loaded = await loadSkills([directory, `${directory}/`]);
  expect(loaded.broken).toEqual([]);
  expect(names(loaded)).toEqual(['alpha']);
});

test('a skill whose migrations have a gap is broken, with the file', async () => {
  await put('a/index.js', good('alpha'));
  await put('a/migrations/002-second.sql', 'select 1');
  const loaded = await loadSkills([directory]);
  expect(loaded.broken).toEqual([
    { file: join(directory, 'a', 'index.js'), reason: expect.stringContaining('002-second.sql') },
  ]);
});

test('a second skill with the same name is broken, and the reason names the first', async () => {
  await put('one/a/index.js', good('alpha'));
  await put('two/a/index.js', good('alpha'));
  const loaded = await loadSkills([join(directory, 'one'), join(directory, 'two')]);
  expect(loaded.skills.map((skill) => skill.directory)).toEqual([join(directory, 'one', 'a')]);
  expect(loaded.broken).toEqual([
    {
      file: join(directory, 'two', 'a', 'index.js'),
      reason: expect.stringContaining(`${join(directory, 'one', 'a')} already has a skill named "alpha"`),
    },
  ]);
});

test('a missing directory is reported, and the others are read', async () => {
  await put('a/index.js', good('alpha'));
  const loaded = await loadSkills([join(directory, 'none'), directory]);
  expect(names(loaded)).toEqual(['alpha']);
  expect(loaded.broken).toEqual([{ file: join(directory, 'none'), reason: expect.stringContaining('cannot be read') }]);
});

test('all built-in skills load', async () => {
  const loaded = await loadSkills([BUILT_IN_SKILLS]);
  expect(loaded.broken).toEqual([]);
  expect(names(loaded)).toEqual(expect.arrayContaining(['alerts', 'hello']));
});

/** In its own process, because the hook that resolves `#skill` is process-wide. */
async function loadInProcess(withImports: boolean): Promise<{ names: string[]; broken: { reason: string }[] }> {
  const load = JSON.stringify(join(import.meta.dirname, 'load.ts'));
  const program = `
    const { loadSkills, provideSkillImports } = await import(${load});
    ${withImports ? 'provideSkillImports();' : ''}
    const { skills, broken } = await loadSkills([${JSON.stringify(directory)}]);
    console.log(JSON.stringify({ names: skills.map((one) => one.skill.name), broken }));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.once('exit', resolve));
  return JSON.parse(output) as { names: string[]; broken: { reason: string }[] };
}

test('a skill written in TypeScript outside this repository may import #skill', async () => {
  await put(
    'tea/index.ts',
    `import { defineSkill, z } from '#skill';
     import { word } from './word.ts';
     const options = z.object({ cups: z.number().default(1) });
     export default defineSkill({ name: word, options, commands: {} });`,
  );
  await put('tea/word.ts', `export const word: string = 'tea';`);
  await put(
    'milk/index.ts',
    `import { defineSkill } from 'watchbell/skill'; export default defineSkill({ name: 'milk' });`,
  );
  expect(await loadInProcess(true)).toEqual({ names: ['milk', 'tea'], broken: [] });
  expect((await loadInProcess(false)).names).toEqual([]);
});
