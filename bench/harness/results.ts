import { readFile, writeFile } from 'node:fs/promises';
import type { Row } from './bench.ts';
import { tableOf } from './table.ts';

export interface Run {
  readonly date: Date;
  readonly machine: string;
  readonly quick: boolean;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

const TITLE = '# Benchmarks';
const FORMER = '## Former runs';
const KEPT_RUNS = 12;

/** The run as it stands in RESULTS.md: date and machine, the table, what must be known about it. */
export function describeRun(run: Run): string {
  const kind = run.quick ? ' (quick: shows that it runs, measures little)' : '';
  return [
    `## ${run.date.toISOString().slice(0, 16).replace('T', ' ')} UTC${kind}`,
    `${run.machine}.`,
    tableOf(run.rows),
    run.notes.map((note) => `- ${note}`).join('\n'),
  ].join('\n\n');
}

/** Rewrites the file: this run in full, and of those before it date, machine and table. */
export async function keepRun(file: string, run: Run): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '');
  const runs = before
    .split(/^##+ (?=\d{4}-)/m)
    .slice(1)
    .map((text) => `### ${headline(text.replace(FORMER, ''))}`);
  const former = runs.slice(0, KEPT_RUNS).join('\n\n');
  const introduction = `\`npm run bench\` writes this file: each number beside a named peer or limit from the same run, in the order A B A B.`;
  await writeFile(
    file,
    `${[TITLE, introduction, describeRun(run), ...(former === '' ? [] : [FORMER, former])].join('\n\n')}\n`,
  );
}

/** Everything but the notes. */
function headline(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('- '))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}
