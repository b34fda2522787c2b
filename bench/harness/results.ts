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
const FORMER = '## Earlier runs';
const KEPT_RUNS = 12;

/** The run as written to RESULTS.md: date and machine, the table, and notes. */
export function describeRun(run: Run): string {
  const kind = run.quick ? ' (quick: shows that the benchmarks work; numbers are not meaningful)' : '';
  return [
    `## ${run.date.toISOString().slice(0, 16).replace('T', ' ')} UTC${kind}`,
    `${run.machine}.`,
    tableOf(run.rows),
    run.notes.map((note) => `- ${note}`).join('\n'),
  ].join('\n\n');
}

/** Rewrites the file: this run in full, and date, machine and table of earlier runs. */
export async function keepRun(file: string, run: Run): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '');
  const runs = before
    .split(/^##+ (?=\d{4}-)/m)
    .slice(1)
    .map((text) => `### ${headline(text.replace(FORMER, ''))}`);
  const former = runs.slice(0, KEPT_RUNS).join('\n\n');
  const introduction = `\`npm run bench\` writes this file. It compares each number with a peer or limit from the same run, measured alternately (A B A B).`;
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
