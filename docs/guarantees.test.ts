/** The tests named in the documentation exist and run: every row of a table "proved by" names one, by file and title. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const NAMED = /(?:`([^`\s]+\.test\.ts)`|(contract|fault table))\s+"([^"]+)"/g;
/** The contract of every connector, in files by subject. */
const CONTRACT = 'src/connectors/conformance';
const SUBJECTS = ['receiving', 'sending', 'interactions', 'conversations', 'routes'];
/** Tests of every call of a platform with every fault. */
const FAULT_TABLE = 'test/faults/fault-table.ts';
/** The title of a test, of one about real seconds, or of the rows of a table of tests. */
const TITLE = /^[ \t]*(?:(?:suite\.)?test(?:\.concurrent)?(?:\.each\([^]*?\))?|timed)\(\s*(['"`])(.*?)(?<!\\)\1,/gm;
const SWITCHED_OFF = /\b(?:describe|test)\.(?:skip|only|todo)\s*[.(]/;
/** What a test that runs only where it finds what it needs says in its row. */
const SOMEWHERE = /\b(?:describe|test)\.skip\b/;
const SAYS_WHERE = /where there is a Chromium|on a real Synapse|with two real Alertmanagers/;

const PAGES = ['guarantees.md', 'connecting-slack.md'];
const page = (await Promise.all(PAGES.map((name) => readFile(join(import.meta.dirname, name), 'utf8')))).join('\n\n');

const rows = page
  .split('\n\n')
  .filter((block) => /^\|.*\| proved by +\|$/m.test(block))
  .flatMap((block) => block.trim().split('\n').slice(2));

test('every test named in the guarantees exists, and is not switched off', async () => {
  const named = [...page.replace(/\s+/g, ' ').matchAll(NAMED)];
  const wrong: string[] = [];
  for (const [, path, suite, title = ''] of named) {
    const file = path ?? (suite === 'contract' ? CONTRACT : FAULT_TABLE);
    const files = file === CONTRACT ? SUBJECTS.map((subject) => `${CONTRACT}/${subject}.ts`) : [file];
    const sources = files.map((one) => readFile(join(ROOT, one), 'utf8').catch(() => ''));
    const source = (await Promise.all(sources)).join('\n');
    const titles = [...source.matchAll(TITLE)].map(([, , found = '']) => found.replaceAll('\\', ''));
    if (!titles.some((one) => one === title || (one.includes('%') && one.includes(title))))
      wrong.push(`${file} has no test "${title}"`);
    if (SWITCHED_OFF.test(source)) wrong.push(`${file} switches tests off`);
    else if (SOMEWHERE.test(source) && !rows.some((row) => row.includes(title) && SAYS_WHERE.test(row)))
      wrong.push(`${file} runs not everywhere, and the row of "${title}" does not say where`);
  }
  expect(wrong).toEqual([]);
});

test('every promise in a table names its proof', () => {
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter((row) => row.split('|').at(-2)?.match(NAMED) === null)).toEqual([]);
});
