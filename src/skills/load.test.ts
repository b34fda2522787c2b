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

test('folders are read in order of name, each with its migrations; other files are left alone', async () => {
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
  ['an import that is not there', `import './gone.js'; export default {};`, /gone\.js/],
  ['no default export', 'export const x = 1;', /no default export made by defineSkill/],
  ['a default export without a name', 'export default {};', /no default export made by defineSkill/],
  ['a name that is none', `export default { name: 'Bad Name' };`, /"Bad Name" is not a name for a skill/],
  ['the name of the core', `export default { name: 'core' };`, /"core" is not a name/],
])('a skill with %s is named with file and reason, and takes nothing else down', async (_, text, reason) => {
  await put('a/index.js', good('alpha'));
  await put('bad/index.js', text);
  await put('z/index.js', good('zulu'));
  const loaded = await loadSkills([directory]);
  expect(names(loaded)).toEqual(['alpha', 'zulu']);
  expect(loaded.broken).toEqual([{ file: join(directory, 'bad', 'index.js'), reason: expect.stringMatching(reason) }]);
});

test('a directory that is named twice, once in other words, is read once', async () => {
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

test('the second skill of one name is broken, and says where the first is', async () => {
  await put('one/a/index.js', good('alpha'));
  await put('two/a/index.js', good('alpha'));
  const loaded = await loadSkills([join(directory, 'one'), join(directory, 'two')]);
  expect(loaded.skills.map((skill) => skill.directory)).toEqual([join(directory, 'one', 'a')]);
  expect(loaded.broken).toEqual([
    {
      file: join(directory, 'two', 'a', 'index.js'),
      reason: expect.stringContaining(`a skill called "alpha" is in ${join(directory, 'one', 'a')} already`),
    },
  ]);
});

test('a directory that is not there is named, and the others are read', async () => {
  await put('a/index.js', good('alpha'));
  const loaded = await loadSkills([join(directory, 'none'), directory]);
  expect(names(loaded)).toEqual(['alpha']);
  expect(loaded.broken).toEqual([{ file: join(directory, 'none'), reason: expect.stringContaining('cannot be read') }]);
});

test('the skills that come with the program all load', async () => {
  const loaded = await loadSkills([BUILT_IN_SKILLS]);
  expect(loaded.broken).toEqual([]);
  expect(names(loaded)).toEqual(expect.arrayContaining(['alerts', 'hello']));
});

/** In a process of its own: what makes `#skill` known is process-wide. */
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
