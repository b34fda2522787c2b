import type { Row } from './bench.ts';

const HEAD = ['benchmark', 'ours', 'peer or limit', 'ratio', 'target', 'met'];

/** A Markdown table with aligned columns, readable in a terminal too. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.benchmark, row.ours, row.peer, row.ratio, row.target, metWord(row.met)]);
  const widths = HEAD.map((head, column) => Math.max(head.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (words: readonly string[]): string =>
    `| ${words.map((word, column) => word.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

function metWord(met: boolean | undefined): string {
  return met === undefined ? '' : met ? 'yes' : 'NO';
}
