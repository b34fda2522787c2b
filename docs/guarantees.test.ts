/** What `guarantees.md` leans on exists: every test that it names, by file and title. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const NAMED = /(?:`([^`\s]+\.test\.ts)`|contract)\s+"([^"]+)"/g;
const CONTRACT = 'src/connectors/conformance.ts';

test('every test named in the guarantees exists', async () => {
  const page = (await readFile(join(import.meta.dirname, 'guarantees.md'), 'utf8')).replace(/\s+/g, ' ');
  const named = [...page.matchAll(NAMED)].map(([, file = CONTRACT, title = '']) => ({ file, title }));
  const missing: string[] = [];
  for (const { file, title } of named) {
    const source = await readFile(join(ROOT, file), 'utf8').catch(() => '');
    if (!source.includes(title)) missing.push(`${file} "${title}"`);
  }
  expect(missing).toEqual([]);
  expect(named.length).toBeGreaterThan(25);
});
