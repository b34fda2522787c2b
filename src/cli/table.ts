import { cleanLine } from '../chat/markdown.ts';

/** Longer cells would wrap every line of a terminal. */
const MAX_CELL = 60;

/** An answer for a terminal: a list becomes a table, anything else one line a key. Control characters are removed. */
export function tableOf(answer: unknown): string {
  if (!isMap(answer)) return cellOf(answer, Infinity);
  const { items, next } = answer;
  if (Array.isArray(items)) {
    const more = typeof next === 'string' ? `\nMore results: add cursor=${cleanLine(next)}` : '';
    return `${rowsOf(items)}${more}`;
  }
  return Object.entries(answer)
    .map(([key, value]) =>
      Array.isArray(value) && value.some(isMap)
        ? `${key}:\n${rowsOf(value).replace(/^/gm, '  ')}`
        : `${key}: ${cellOf(value, Infinity)}`,
    )
    .join('\n');
}

function rowsOf(items: readonly unknown[]): string {
  if (items.length === 0) return 'none';
  const maps = items.map((item) => (isMap(item) ? item : { value: item }));
  const columns = [...new Set(maps.flatMap((item) => Object.keys(item)))];
  const rows = [columns, ...maps.map((item) => columns.map((column) => cellOf(item[column], MAX_CELL)))];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellOf(value: unknown, most: number): string {
  const text = cleanLine(textOf(value));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.map(textOf).join(',');
  if (isMap(value))
    return Object.entries(value)
      .map(([key, inner]) => `${key}=${textOf(inner)}`)
      .join(' ');
  return String(value);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
