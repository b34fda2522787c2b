import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** Files of the core, without its tests. */
async function coreFiles(): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(join(ROOT, 'src'), { recursive: true })).filter((name) => /(?<!\.test)\.ts$/.test(name));
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(ROOT, 'src', name), 'utf8') })));
}

test('the core imports no skill and uses none of their tables', async () => {
  const skills = (await readdir(join(ROOT, 'skills'), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const tables: string[] = [];
  for (const { name } of skills) {
    const migrations = join(ROOT, 'skills', name, 'migrations');
    for (const file of await readdir(migrations).catch(() => []))
      tables.push(
        ...[...(await readFile(join(migrations, file), 'utf8')).matchAll(/create table (\w+)/g)].map(
          ([, table]) => table ?? '',
        ),
      );
  }
  expect(tables).toEqual(expect.arrayContaining(['alerts', 'coffee_met', 'countdowns']));
  const imports = /(?:from|import\() ?'[^']*\/skills\/(?!load|core)/;
  const sql = new RegExp(`\\b(?:from|into|update|join) (?:${tables.join('|')})\\b(?! (?:of|in|to|that|and|is)\\b)`);
  const wrong = (await coreFiles()).filter(({ text }) => imports.test(text) || sql.test(text));
  expect(wrong.map(({ name, text }) => `${name}: ${(imports.exec(text) ?? sql.exec(text))?.[0]}`)).toEqual([]);
});
